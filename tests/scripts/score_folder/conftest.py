from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmarks import mixed_images
from scripts.paths import SAMPLES
from scripts.score_folder import main
from tests.scripts.score_folder.results import Rows, paths_in, rows


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 files: photographs, broken and empty ones, text, odd names, nested folders, repeats."""
    folder = tmp_path_factory.mktemp("mixed")
    small = [(weight, suffix, side // 8) for weight, suffix, side in mixed_images.KINDS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixed_images, "KINDS", small)
        mixed_images.make(folder, sorted(SAMPLES.glob("*.jpg")), 280)
    files = sorted(folder.iterdir())
    for index, file in enumerate(files):
        if index % 3 == 0:
            below = folder / f"{index % 7}" / "ü b"
            below.mkdir(parents=True, exist_ok=True)
            file.rename(below / file.name)
    cat = SAMPLES / "cat.jpg"
    for name in [b"caf\xe9.jpg", "日本 %41\n.png".encode(), b".hidden", b"x" * 250, b"no suffix"]:
        shutil.copy(cat, folder / os.fsdecode(name))
    for index in range(5):
        shutil.copy(SAMPLES / "demo-high.png", folder / f"again-{index}.png")
        (folder / f"empty-{index}.jpg").touch()
        (folder / f"text-{index}.jpg").write_text(f"no image {index}")
    assert len(paths_in(folder)) == 300
    return folder


@pytest.fixture(scope="module")
def undisturbed(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    out = tmp_path_factory.mktemp("undisturbed")
    assert main([str(mixed), "--out", str(out)]) == 0
    return rows(out)


@pytest.fixture
def few(tmp_path: Path) -> Path:
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("cat.jpg", "demo-low.png", "demo-high.png"):
        shutil.copy(SAMPLES / name, folder)
    return folder
