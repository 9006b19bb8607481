"""score.py in a batch job of 2,000 mixed files, whose workers are killed at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from scripts.paths import DEMO
from tests.batch.hoard import write_hoard
from tests.batch.parallel_run import run_job

COUNT = 2000
# As Azure ML mounts an input named `images`.
MOUNT = "j/0123456789/cap/data-capability/wd/INPUT_images"


@pytest.fixture(scope="module")
def hoard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    folder = tmp_path_factory.mktemp("azureml") / MOUNT
    folder.mkdir(parents=True)
    return folder, write_hoard(folder, COUNT)


def rows(output: Path) -> dict[str, dict[str, Any]]:
    """All rows by path, without the time that each has taken."""
    found: dict[str, dict[str, Any]] = {}
    for part in sorted(output.glob("[!.]*")):  # what a killed worker leaves behind is hidden
        assert part.suffix == ".parquet"
        for row in pq.read_table(part).drop_columns("milliseconds").to_pylist():
            assert row["path"] not in found, "A file has two rows."
            found[row["path"]] = row
    return found


def test_exactly_one_row_for_each_file_whatever_happens_to_the_workers(
    hoard: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    folder, files = hoard
    found = {}
    for name, kill_share in (("quiet", 0.0), ("disturbed", 0.4)):
        output = tmp_path / name
        settings = {
            "AZUREML_MODEL_DIR": str(DEMO),
            "AZUREML_BI_OUTPUT_PATH": str(output),
            "PRECISION": "fp32",
            "THREADS": "1",
        }
        job = run_job(files, settings, mini_batch_size=125, kill_share=kill_share)
        assert (job.succeeded, job.failed) == (COUNT, 0)
        assert (job.kills > 0) == (kill_share > 0)
        found[name] = rows(output)
    assert sorted(found["quiet"]) == sorted(f.relative_to(folder).as_posix() for f in files)
    assert found["disturbed"] == found["quiet"]
    codes = {row["error_code"] for row in found["quiet"].values()}
    assert codes >= {None, "image_empty", "image_unreadable", "image_format_unsupported"}
    formats = {row["format"] for row in found["quiet"].values()}
    assert formats >= {None, "JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "MP4"}


def test_a_mini_batch_whose_rows_cannot_be_written_fails(
    hoard: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    _, files = hoard
    output = tmp_path / "file in the place of the folder"
    output.touch()
    settings = {"AZUREML_MODEL_DIR": str(DEMO), "AZUREML_BI_OUTPUT_PATH": str(output)}
    job = run_job(files[:2], settings, mini_batch_size=2, workers=1, max_retries=1)
    assert (job.succeeded, job.failed) == (0, 2)
