from __future__ import annotations

from pathlib import Path

import pytest

from nsfw_detector.batch.paths import relative_path

MOUNT = "/mnt/azureml/cr/j/0123456789abcdef/cap/data-capability/wd/INPUT_images"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{MOUNT}/cat.jpg", "cat.jpg"),
        (f"{MOUNT}/2026/11/cat.jpg", "2026/11/cat.jpg"),
        (f"{MOUNT}/cap/data-capability/wd/x/cat.jpg", "cap/data-capability/wd/x/cat.jpg"),
        ("/data/cat.jpg", "/data/cat.jpg"),
        ("a b/ü\n.jpg", "a b/ü\n.jpg"),
    ],
)
def test_below_the_mounted_input(path: str, expected: str) -> None:
    assert relative_path(path) == expected


def test_below_a_known_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert relative_path(tmp_path / "a" / "cat.jpg", tmp_path) == "a/cat.jpg"
    assert relative_path("images/a/cat.jpg", Path("images")) == "a/cat.jpg"
    assert relative_path(f"{MOUNT}/a/cat.jpg", Path("images")) == "a/cat.jpg"
