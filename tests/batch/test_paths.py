from __future__ import annotations

import os
from pathlib import Path

import pytest

from nsfw_detector.batch.paths import file_path, path_text, relative_path

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


@pytest.mark.parametrize(
    "name", [b"caf\xe9.jpg", b"100%/\xff\xfe b.png", b"\x80", "ü/\xe9".encode() + b"\xe9\n"]
)
def test_what_is_not_utf_8_is_escaped_reversibly(name: bytes, tmp_path: Path) -> None:
    path = os.fsdecode(name)
    text = relative_path(tmp_path / path, tmp_path)
    assert text == path_text(path)
    assert text.startswith("bytes://")
    text.encode()
    assert os.fsencode(file_path(text)) == name


@pytest.mark.parametrize("path", ["100%.jpg", "ü b/\n.jpg", "a/%FF.jpg", "日本.png"])
def test_what_is_utf_8_stays_as_it_is(path: str) -> None:
    assert path_text(path) == path == file_path(path)
