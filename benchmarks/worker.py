"""A contender in a process of its own: answers each line on stdin with one timed run.

Started by `Worker`; ``python -m benchmarks.worker NAME CHECKPOINT`` is its command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.contenders import CONTENDERS
from scripts.paths import ROOT


class WorkerError(Exception):
    """A contender could not be started, or ended; the message is the last line that it wrote."""


@dataclass(frozen=True, slots=True)
class Run:
    """One timed run: wall seconds and probabilities; and the process's memory in MB.

    Attributes:
        seconds: Wall time.
        scores: Probabilities in label order.
        peak_mb: Most memory that the process has held so far.
        steady_mb: Memory that it holds after this run.
    """

    seconds: float
    scores: list[float]
    peak_mb: float
    steady_mb: float


class Worker:
    """A running contender.

    Attributes:
        name: Which contender.
        start_seconds: From the start of its process to its first result.

    Raises:
        WorkerError: It gives no result.
    """

    def __init__(self, name: str, checkpoint: Path, first: Path) -> None:
        self.name = name
        # A folder for temporary files of its own: nothing compiled in an earlier run is found.
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._log = tempfile.TemporaryFile(mode="w+", errors="replace")  # noqa: SIM115
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, str(checkpoint.resolve())],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": self._folder.name},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self.run(first)
        except WorkerError:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - started

    def run(self, image: Path) -> Run:
        """Have the contender classify one image."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(image.resolve(), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            line = ""
        else:
            line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            last = (self._log.read().strip() or "no message").splitlines()[-1]
            raise WorkerError(last)
        return Run(**json.loads(line))

    def stop(self) -> None:
        """End the process and remove its files."""
        self._process.terminate()
        self._process.communicate()
        self._log.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def memory_mb() -> tuple[float, float]:
    """(peak, present) resident memory of this process in MB."""
    # Not getrusage: its peak begins with that of the process which started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
    return kib["VmHWM"] * 1024 / 1e6, kib["VmRSS"] * 1024 / 1e6


def main() -> None:
    """Load the contender, then answer lines until stdin ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print; answers stay clean
    classify = CONTENDERS[sys.argv[1]].load(Path(sys.argv[2]))
    for line in sys.stdin:
        image = Path(line.strip())
        started = time.perf_counter()
        scores = classify(image)
        seconds = time.perf_counter() - started
        run = Run(seconds, scores, *memory_mb())
        print(json.dumps({name: getattr(run, name) for name in Run.__slots__}), file=answers)
        answers.flush()


if __name__ == "__main__":
    main()
