"""Watching a batch job while Azure does not always answer."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError

from nsfw_detector.errors import ImageUnavailableError
from scripts.azure.batch import watch as batch_watch
from scripts.azure.batch.job import State
from scripts.azure.batch.results import Progress, Results
from scripts.azure.batch.watch import Looks, Total
from scripts.errors import OperatorError
from scripts.inputs.blobs.container import Blob

RUNNING = State("Running", "Running")
START = datetime(2026, 5, 1, tzinfo=UTC)


class Job:
    """Answers as it is told to."""

    def __init__(self, *answers: State | Exception) -> None:
        self._answers = iter(answers)

    def state(self) -> State:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def looks(*answers: State | Exception, results: Any = None) -> Looks:
    job: Any = Job(*answers)
    return Looks(job, lambda: results)


def refused(status: int) -> HttpResponseError:
    error = HttpResponseError("no")
    error.status_code = status
    return error


@pytest.mark.parametrize("error", [ServiceRequestError("gone"), refused(503), refused(429)])
def test_a_network_may_come_back(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    watched = looks(RUNNING, error, error, State("Completed", "Completed"))
    assert watched.look()[0] == RUNNING
    assert watched.look()[0] == watched.look()[0] == RUNNING
    assert watched.look()[0].has_ended
    assert capsys.readouterr().err.count("Azure does not answer; trying again") == 1


def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_watch, "PATIENCE", 0.0)
    with pytest.raises(OperatorError, match="could not be reached"):
        looks(ServiceRequestError("gone")).look()


@pytest.mark.parametrize("error", [refused(403), ResourceNotFoundError("deleted")])
def test_what_will_not_change_ends_it(error: HttpResponseError) -> None:
    error.status_code = error.status_code or 404
    with pytest.raises(OperatorError):
        looks(error).look()


def test_rows_that_cannot_be_counted_cost_the_progress_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Unreadable:
        def progress(self) -> Progress:
            raise ImageUnavailableError("The blob could not be fetched: 503.")

    watched = looks(RUNNING, RUNNING, results=Unreadable())
    assert [watched.look(), watched.look()] == [(RUNNING, Progress(0, None))] * 2
    assert capsys.readouterr().err.count("could not be fetched") == 1


def test_a_total_that_cannot_be_counted() -> None:
    def count() -> int:
        raise OperatorError("refused", "ask")

    assert Total(count).files is None
    counted: list[int] = []
    total = Total(lambda: 12, counted.append)
    end = time.monotonic() + 10
    while not counted and time.monotonic() < end:
        time.sleep(0.01)
    assert (total.files, counted) == (12, [12])


@pytest.mark.parametrize(
    ("job", "step", "text"),
    [
        ("Preparing", None, "Preparing"),
        ("Running", "Queued", "Queued: waiting for nodes"),
        ("Running", "Running", "Running"),
        ("Finalizing", "Completed", "Finalizing"),
        ("Failed", "Failed", "Failed"),
    ],
)
def test_what_a_person_reads(job: str, step: str | None, text: str) -> None:
    assert State(job, step).text == text


@pytest.mark.parametrize(
    ("progress", "files", "drawn"),
    [
        (Progress(4, 0.5), 7, r"Rows \|.+\| 4/7 \[[\d:]+, 0\.5 images/s, 00:06 left\]"),
        (Progress(4, None), 7, r"Rows \|.+\| 4/7 \[[\d:]+\]"),
        (Progress(7, 0.5), 7, r"Rows \|.+\| 7/7 \[[\d:]+, 0\.5 images/s\]"),
        (Progress(4, 0.5), None, r"Rows 4 \[[\d:]+, 0\.5 images/s\]"),
    ],
)
def test_what_is_drawn(
    progress: Progress, files: int | None, drawn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    class Counted:
        def progress(self) -> Progress:
            return progress

    job: Any = Job(State("Canceled", "Canceled"))
    results: Any = Counted()
    batch_watch.watch(job, lambda: results, Total(None, files=files))
    assert re.search(rf"\r{drawn}\n", capsys.readouterr().err)


class Folder:
    """Parts on this machine, in the place of a container of blobs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[str] = []
        self.blobs: list[Blob] = []

    def add(self, name: str, rows: int, seconds: float) -> None:
        pq.write_table(pa.table({"path": [str(n) for n in range(rows)]}), self.path / name)
        self.blobs.append(Blob(name, 1, f"{name}-{rows}", START + timedelta(seconds=seconds)))

    def list(self) -> Any:
        return iter(self.blobs)

    def open(self, blob: Blob) -> Any:
        self.opened.append(blob.name)
        return (self.path / blob.name).open("rb")


def test_rows_and_their_rate(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    opened: Any = folder
    results = Results(lambda: opened)
    assert results.progress() == Progress(0, None)
    folder.add("part-a.parquet", 64, 300)  # nodes were started, and the model loaded
    assert results.progress() == Progress(64, None)
    folder.add("part-b.parquet", 64, 310)
    folder.add("part-c.parquet", 32, 320)
    folder.add("_summary.parquet", 9, 330)
    progress = results.progress()
    assert progress == Progress(160, 96 / 20)
    assert progress.seconds_left(256) == 20.0
    assert folder.opened == ["part-a.parquet", "part-b.parquet", "part-c.parquet"]
    # A mini-batch that is tried again writes its part again.
    folder.blobs = [blob for blob in folder.blobs if blob.name != "part-c.parquet"]
    folder.add("part-c.parquet", 64, 340)
    assert results.progress().rows == 192
