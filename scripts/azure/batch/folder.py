"""The folder that the results of one batch job are copied to, which remembers which job."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.errors import OperatorError

RECORD = "_job.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a job, to go on with after an interruption.

    Attributes:
        job: Its name.
        input: What it scores, for people.
        output: Address of its results, if it was chosen.
        files: How many it scores, once they are counted.
    """

    job: str
    input: str | None = None
    output: str | None = None
    files: int | None = None


def read_record(folder: Path) -> Record | None:
    """The job that a folder belongs to; None if it belongs to none yet.

    Raises:
        OperatorError: There are results in it, but nobody knows of which job.
    """
    with suppress(OSError, ValueError, TypeError):
        return Record(**json.loads((folder / RECORD).read_text()))
    if folder.is_dir() and any(folder.rglob("*.parquet")):
        raise OperatorError(
            f"{folder} holds results, but no readable {RECORD} that tells of which job.",
            "Give another --download: rows of two jobs would be mixed.",
        )
    return None


def write_record(folder: Path, record: Record) -> None:
    """Note which job a folder belongs to."""
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / f"{RECORD}.tmp"
    staging.write_text(json.dumps(asdict(record), indent=2) + "\n")
    staging.replace(folder / RECORD)


def claim(folder: Path, job: str | None) -> Record | None:
    """Check that a folder may take a job's results.

    Args:
        folder: Where the results are to go.
        job: Name of the job; None for one that is not submitted yet.

    Returns:
        What an earlier run has noted of that job.

    Raises:
        OperatorError: The folder has those of another job.
    """
    record = read_record(folder)
    if record is not None and record.job != job:
        raise OperatorError(
            f"{folder} has the results of the job {record.job}.",
            "Give another --download, or go on with that job: "
            f"python -m scripts.batch --job {record.job} --download {folder}",
        )
    return record
