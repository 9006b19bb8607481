"""Watch a batch job until it ends: its state, the rows that are written, and the time left."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError
from tqdm import tqdm

from nsfw_detector.errors import DetectorError
from scripts.azure.batch.job import BatchJob, State
from scripts.azure.batch.results import Progress, Results
from scripts.azure.errors import explain
from scripts.errors import OperatorError

FIRST_INTERVAL, LONGEST_INTERVAL = 1.0, 15.0
PATIENCE = 900.0  # seconds without an answer: networks come back
BAR = "{desc} |{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
BAR_WITHOUT_TOTAL = "{desc} {n_fmt} [{elapsed}{postfix}]"


class Total:
    """How many files there are, counted in another thread: listing millions takes minutes.

    Args:
        count: Counts them; None: nobody can.
        counted: Called with their number.
        files: Their number, where it is known before.

    Attributes:
        files: None while it is not known, and if they cannot be counted.
    """

    def __init__(
        self,
        count: Callable[[], int] | None,
        counted: Callable[[int], None] = lambda files: None,
        files: int | None = None,
    ) -> None:
        self.files = files
        if count is not None:
            threading.Thread(target=self._count, args=(count, counted), daemon=True).start()

    def _count(self, count: Callable[[], int], counted: Callable[[int], None]) -> None:
        with suppress(Exception):  # without it there is no estimate, and no more is lost
            self.files = count()
            counted(self.files)


def watch(job: BatchJob, results: Callable[[], Results | None], total: Total) -> State:
    """Look at a job again and again until it has ended.

    Args:
        job: The job.
        results: Gives its results; None while nobody knows where they are.
        total: Of its files.

    Returns:
        The state in which it ended.

    Raises:
        OperatorError: Azure did not answer for a long time.
    """
    looks = Looks(job, results)
    mininterval = 0.1 if sys.stderr.isatty() else 30  # a log needs fewer lines
    shown = ""
    with tqdm(desc="Rows", bar_format=BAR_WITHOUT_TOTAL, mininterval=mininterval) as bar:
        for pause in _pauses():
            state, progress = looks.look()
            if state.text != shown:
                tqdm.write(f"{state.text} after {bar.format_dict['elapsed']:.0f} s", sys.stderr)
                shown = state.text
            _draw(bar, progress, total.files)
            if state.has_ended:
                bar.refresh()
                return state
            time.sleep(pause)
    raise AssertionError


class Looks:
    """Looks at a job, and forgives Azure a while without answers."""

    def __init__(self, job: BatchJob, results: Callable[[], Results | None]) -> None:
        self._job = job
        self._results = results
        self._state = State("Unknown", None)
        self._progress = Progress(0, None)
        self._answered = time.monotonic()
        self._has_complained = False

    def look(self) -> tuple[State, Progress]:
        """The latest state and progress that could be had.

        Raises:
            OperatorError: There was no answer for a long time, or there will not be one.
        """
        try:
            self._state = self._job.state()
            self._answered = time.monotonic()
        except AzureError as error:
            self._forgive(error)
        try:
            results = self._results()
            self._progress = results.progress() if results else self._progress
        except (AzureError, DetectorError, OperatorError) as error:
            self._complain(f"The rows cannot be counted: {error}")
        return self._state, self._progress

    def _forgive(self, error: AzureError) -> None:
        status = (error.status_code if isinstance(error, HttpResponseError) else None) or 500
        is_final = status < 500 and status not in (408, 429)
        if is_final or time.monotonic() - self._answered > PATIENCE:
            raise explain(error) from None
        self._complain(f"Azure does not answer; trying again: {error.message}")

    def _complain(self, text: str) -> None:
        if not self._has_complained:
            tqdm.write(text.splitlines()[0], sys.stderr)
            self._has_complained = True


def _pauses() -> Iterator[float]:
    """Often at first: small jobs on warm nodes end soon."""
    pause = FIRST_INTERVAL
    while True:
        yield pause
        pause = min(LONGEST_INTERVAL, pause * 1.3)


def _draw(bar: tqdm[Any], progress: Progress, total: int | None) -> None:
    if total and bar.total != total:
        bar.total, bar.bar_format = total, BAR
    facts = []
    if progress.rate:
        facts.append(f"{progress.rate:.1f} images/s")
        seconds = progress.seconds_left(total) if total else None
        if seconds is not None and seconds > 0:
            facts.append(f"{tqdm.format_interval(seconds)} left")
    bar.set_postfix_str(", ".join(facts), refresh=False)
    bar.n = progress.rows
    bar.update(0)
