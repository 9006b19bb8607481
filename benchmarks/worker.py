"""A contender in a process of its own: answers each line on stdin with one timed run.

Started by `Worker`; ``python -m benchmarks.worker NAME CHECKPOINT`` is its command line.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.contenders import CONTENDERS

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Run:
    """One timed run: wall seconds, probabilities, and the process's peak memory so far in MB."""

    seconds: float
    scores: list[float]
    peak_mb: float


class Worker:
    """A running contender.

    Attributes:
        name: Which contender.
        start_seconds: From the start of its process to its first result.
    """

    def __init__(self, name: str, checkpoint: Path, first: Path) -> None:
        self.name = name
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, str(checkpoint)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.run(first)
        self.start_seconds = time.perf_counter() - started

    def run(self, image: Path) -> Run:
        """Have the contender classify one image."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{image}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended; run its command line to see why.")
        return Run(**json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()


def main() -> None:
    """Load the contender, then answer lines until stdin ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print; answers stay clean
    classify = CONTENDERS[sys.argv[1]](Path(sys.argv[2]))
    for line in sys.stdin:
        image = Path(line.strip())
        started = time.perf_counter()
        scores = classify(image)
        seconds = time.perf_counter() - started
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        run = {"seconds": seconds, "scores": scores, "peak_mb": peak_mb}
        print(json.dumps(run), file=answers, flush=True)


if __name__ == "__main__":
    main()
