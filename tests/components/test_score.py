from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds

from scripts.paths import DEMO, ROOT
from tests.components.job import run_parallel


def test_one_row_for_each_file_though_workers_are_killed(
    code: Path, images: Path, tmp_path: Path
) -> None:
    job = run_parallel("score", code, images=images, model=DEMO, rows=tmp_path, kill_share=0.5)
    files = sorted(p.relative_to(images).as_posix() for p in images.rglob("*") if p.is_file())
    assert (job.succeeded, job.failed) == (len(files), 0)
    table = ds.dataset(tmp_path).to_table()
    assert sorted(table["path"].to_pylist()) == files
    assert "embedding" not in table.column_names


def test_it_runs_here_by_the_same_entry(tmp_path: Path, embedded: Path, images: Path) -> None:
    command = [sys.executable, "-m", "components.score.entry", "--images", str(images)]
    command += ["--model", str(DEMO), "--rows", str(tmp_path), "--embeddings"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    here, there = (
        ds.dataset(folder).to_table().sort_by("path").drop_columns(["milliseconds", "engine"])
        for folder in (tmp_path, embedded)
    )
    assert here["path"].equals(there["path"])
    assert here["level"].equals(there["level"])
    assert here["error_code"].equals(there["error_code"])
