"""One image at a time through each contender, from the file, interleaved in one run."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import gemm
from benchmarks.contenders import CONTENDERS, PIPELINE, PIPELINE_FP32
from benchmarks.forms import LONG, Form
from benchmarks.results import Row
from benchmarks.worker import Run, Worker, WorkerError
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cpu import has_fast_bf16
from nsfw_detector.engines.openvino_engine import required_spec

# Threads of the last contender may still spin for a moment, waiting for more work.
PAUSE = 0.05
COLUMNS = (
    "contender",
    "images_per_s",
    "min_ms",
    "median_ms",
    "times_pipeline",
    "share_of_gemm",
    "start_s",
    "peak_mb",
    "steady_mb",
    "drift",
    "note",
)


def measure(
    checkpoint: Path, photos: Sequence[Path], form: Form, names: Sequence[str] = tuple(CONTENDERS)
) -> dict[str, list[Row]]:
    """Measure the engines, and the rates of multiplication that they are held against.

    Returns:
        The tables "engines" and "gemm".
    """
    rates = gemm.measure()
    notes = {name: CONTENDERS[name].why_not(form.name == LONG.name) for name in names}
    with ExitStack() as stack:
        workers = []
        for name in (name for name in names if not notes[name]):
            print(f"  loading {name}", file=sys.stderr)
            try:
                workers.append(stack.enter_context(Worker(name, checkpoint, photos[0])))
            except WorkerError as error:
                notes[name] = f"failed: {error}"
        runs = _interleaved(workers, photos, form.rounds)
        starts = {worker.name: worker.start_seconds for worker in workers}
    # Once more, because the machine may have been busier at the beginning.
    rates = gemm.best([*rates, *gemm.measure()])
    flops = required_spec(Checkpoint.load(checkpoint)).flops
    peaks: dict[str, float] = {r.precision: r.gflops * 1e9 / flops for r in reversed(rates)}
    return {
        "engines": [
            _row(name, runs, starts[name], peaks) if name in runs else _empty(name, notes[name])
            for name in names
        ],
        "gemm": [_rate_row(rate) for rate in rates],
    }


def _interleaved(
    workers: Sequence[Worker], photos: Sequence[Path], rounds: int
) -> dict[str, list[Run]]:
    """All contenders in turn, photo by photo, so that a noisy moment meets all of them.

    Every photo is shown once before anything is timed: what is compiled, cached or prepared by
    then stays out of the figures.
    """
    runs: dict[str, list[Run]] = {worker.name: [] for worker in workers}
    for index in range(-len(photos), rounds):
        for worker in workers:
            time.sleep(PAUSE)
            run = worker.run(photos[index % len(photos)])
            if index >= 0:
                runs[worker.name].append(run)
        step = f"round {index + 1} of {rounds}" if index >= 0 else "warming up"
        print(f"  {step}", file=sys.stderr)
    return runs


def _row(
    name: str, runs: dict[str, list[Run]], start_seconds: float, peaks: dict[str, float]
) -> Row:
    own = runs[name]
    median = statistics.median(run.seconds for run in own)
    # Images per second at the highest rate of multiplication; int8 has no single such rate,
    # because it leaves attention in floating point.
    limit = peaks.get(CONTENDERS[name].precision)
    reference = runs.get(PIPELINE if has_fast_bf16() else PIPELINE_FP32)
    exact = runs.get(PIPELINE_FP32)
    values = (
        name,
        round(1 / median, 2),
        round(min(run.seconds for run in own) * 1000, 1),
        round(median * 1000, 1),
        None if reference is None else round(_speedup(own, reference), 2),
        None if limit is None else round(1 / median / limit, 3),
        round(start_seconds, 1),
        round(own[-1].peak_mb),
        round(own[-1].steady_mb),
        None if exact is None else float(f"{_drift(own, exact):.1e}"),
        "",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _speedup(own: Sequence[Run], reference: Sequence[Run]) -> float:
    """Median of the ratios run by run."""
    return statistics.median(r.seconds / o.seconds for r, o in zip(reference, own, strict=True))


def _drift(own: Sequence[Run], exact: Sequence[Run]) -> float:
    """Largest difference of any probability."""
    return max(
        abs(a - b)
        for mine, theirs in zip(own, exact, strict=True)
        for a, b in zip(mine.scores, theirs.scores, strict=True)
    )


def _empty(name: str, note: str) -> Row:
    return {**dict.fromkeys(COLUMNS), "contender": name, "note": note}


def _rate_row(rate: gemm.Rate) -> Row:
    return {
        "precision": rate.precision,
        "runtime": rate.runtime,
        "shape": rate.shape,
        "gflops": round(rate.gflops, 1),
    }
