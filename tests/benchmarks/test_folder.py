"""The folder of mixed images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import folder, mixed_images
from benchmarks.folder import Layout, Outcome, Report, layouts
from benchmarks.forms import Form


def test_by_number_of_images_and_of_cores(small: Path, pictures: list[Path], form: Form) -> None:
    rows = folder.measure(small, pictures, form)["folder"]
    cores = len(os.sched_getaffinity(0))
    expected = [(1, cores, count) for count in form.folder_counts]
    expected += [(each.processes, each.cores, 20) for each in layouts(cores)[1:]]
    assert [(row["processes"], row["cores_each"], row["images"]) for row in rows] == expected
    assert rows[1]["unreadable"] == 1
    for row in rows:
        assert 0 < float(row["images_per_s_with_start"] or 0) < float(row["images_per_s"] or 0)


def test_layouts_use_every_core_once() -> None:
    assert layouts(1) == [Layout(1, 1)]
    assert layouts(4) == [Layout(1, 4), Layout(1, 1), Layout(4, 1)]


def test_the_slowest_process_counts() -> None:
    reports = [Report([(20, 1.0, 0), (40, 2.0, 1)], 10.0), Report([(40, 3.0, 2)], 10.0)]
    assert Outcome(0.0, reports).after(80) == (3.0, 3)
    assert Outcome(0.0, reports[:1]).after(20) == (1.0, 0)


def test_the_images_are_mixed_and_the_same_each_time(
    tmp_path: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        mixed_images, "KINDS", [(w, suffix, side // 20) for w, suffix, side in mixed_images.KINDS]
    )
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        assert mixed_images.make(tmp_path / name, pictures, 100) == 2
        contents.append([p.read_bytes() for p in sorted((tmp_path / name).iterdir())])
    assert contents[0] == contents[1]
    assert len(set(contents[0])) == 100
    suffixes = {path.suffix for path in (tmp_path / "first").iterdir()}
    assert suffixes >= {".jpg", ".png", ".webp"}
    broken = 0
    for path in (tmp_path / "first").iterdir():
        try:
            with Image.open(path) as image:
                image.load()
        except OSError:
            broken += 1
    assert broken == 2


def test_photographs_are_all_different(pictures: list[Path]) -> None:
    photographs = mixed_images.photographs(pictures, 50)
    assert len(set(photographs)) == 50
    assert photographs == mixed_images.photographs(pictures, 50)
