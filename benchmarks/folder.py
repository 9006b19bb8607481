"""A folder of mixed images through `Detector.detect`, by number of images and of cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import mixed_images
from benchmarks.forms import Form
from benchmarks.results import Row
from nsfw_detector.threads import usable_cores
from scripts.paths import ROOT


@dataclass(frozen=True, slots=True)
class Layout:
    """How many processes, and how many cores each."""

    processes: int
    cores: int


@dataclass(frozen=True, slots=True)
class Report:
    """What one process tells.

    Attributes:
        progress: Images done, seconds since it began, and unreadable images, after each chunk.
        peak_mb: Most memory that it held.
    """

    progress: list[tuple[int, float, int]]
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run.

    Attributes:
        start_seconds: Until all processes were loaded.
        reports: Of each process.
    """

    start_seconds: float
    reports: list[Report]

    def after(self, count: int) -> tuple[float, int]:
        """Seconds and unreadable images until `count` were done; of several processes, all."""
        if len(self.reports) == 1:
            ends = [next(step for step in self.reports[0].progress if step[0] >= count)]
        else:
            ends = [report.progress[-1] for report in self.reports]
        return max(seconds for _, seconds, _ in ends), sum(errors for _, _, errors in ends)


def layouts(cores: int) -> list[Layout]:
    """One process on all cores, then on one core, then one process for each core."""
    several = [Layout(1, 1), Layout(cores, 1)] if cores > 1 else []
    return [Layout(1, cores), *several]


def measure(checkpoint: Path, photos: Sequence[Path], form: Form) -> dict[str, list[Row]]:
    """Returns the table "folder".

    The first layout scores the whole folder, the others, which may take long, as many images as
    the last number but one.
    """
    counts = form.folder_counts
    available = sorted(os.sched_getaffinity(0))[: usable_cores()]
    rows = []
    with tempfile.TemporaryDirectory() as name:
        print(f"  making {counts[-1]} images", file=sys.stderr)
        mixed_images.make(Path(name), photos, counts[-1])
        files = sorted(str(path) for path in Path(name).iterdir())
        for index, layout in enumerate(layouts(len(available))):
            print(f"  {layout.processes} x {layout.cores} cores", file=sys.stderr)
            noted = counts if index == 0 else counts[-2:-1]
            outcome = _run(checkpoint, files[: noted[-1]], layout, available)
            rows += [_row(layout, outcome, count) for count in noted]
    return {"folder": rows}


def _run(
    checkpoint: Path, files: Sequence[str], layout: Layout, available: Sequence[int]
) -> Outcome:
    started = time.perf_counter()
    with ExitStack() as stack:
        processes = []
        for index in range(layout.processes):
            cores = available[index * layout.cores : (index + 1) * layout.cores]
            processes.append(stack.enter_context(_start(checkpoint, cores)))
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("A process of the folder benchmark did not start.")
        start_seconds = time.perf_counter() - started
        for index, process in enumerate(processes):
            assert process.stdin is not None
            # Every n-th file, so that each process gets its share of the large ones.
            print(json.dumps(files[index :: layout.processes]), file=process.stdin, flush=True)
        reports = []
        for process in processes:
            assert process.stdout is not None
            reports.append(Report(**json.loads(process.stdout.readline())))
    return Outcome(start_seconds, reports)


def _start(checkpoint: Path, cores: Sequence[int]) -> subprocess.Popen[str]:
    arguments = [str(checkpoint.resolve()), ",".join(map(str, cores))]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.folder_worker", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _row(layout: Layout, outcome: Outcome, count: int) -> Row:
    seconds, unreadable = outcome.after(count)
    return {
        "processes": layout.processes,
        "cores_each": layout.cores,
        "images": count,
        "start_s": round(outcome.start_seconds, 2),
        "score_s": round(seconds, 2),
        "images_per_s": round(count / seconds, 2),
        "images_per_s_with_start": round(count / (outcome.start_seconds + seconds), 2),
        "unreadable": unreadable,
        "peak_mb": round(sum(report.peak_mb for report in outcome.reports)),
    }
