from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import folder_run, mixed_images, results


def test_rounds_and_memory_are_written_and_drawn(
    small: Path, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [(weight, suffix, side // 8) for weight, suffix, side in mixed_images.KINDS]
    monkeypatch.setattr(mixed_images, "KINDS", kinds)
    monkeypatch.setattr(folder_run, "SAMPLE_SECONDS", 0.001)
    folder_run.run(small, pictures, 60, 2, tmp_path)
    rows = results.read(tmp_path / "folder_run.csv")
    assert [row["round"] for row in rows] == ["1", "2"]
    assert sum(int(row["images"]) for row in rows) == 59  # one is broken
    for row in rows:
        ratio = float(row["folder_images_per_s"]) / float(row["bare_images_per_s"])
        assert float(row["share_of_bare"]) == pytest.approx(ratio, rel=0.01)
    memory = results.read(tmp_path / "folder_run_memory.csv")
    assert {row["doing"] for row in memory} == {folder_run.FOLDER, folder_run.BARE}
    assert all(float(row["rss_mb"]) > 0 for row in memory)
    times = [float(row["seconds"]) for row in memory]
    assert times == sorted(times)
    assert (tmp_path / "folder_run.png").stat().st_size > 0
    notes = json.loads((tmp_path / "machine.json").read_text())
    assert notes["folder_run"]["form"] == "60 images, 2 rounds"
