"""Cold start: from the start of the process to the first score, and what must be installed."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import CONTENDERS, PIPELINE, PIPELINE_FP32
from benchmarks.forms import Form
from benchmarks.install_size import closure, locked, size
from benchmarks.results import Row
from benchmarks.worker import Run, Worker
from nsfw_detector.engines.cpu import fast_float, has_fast_bf16
from scripts.paths import ROOT

LOCK = ROOT / "environment" / "cpu.lock"
USUAL_STACK = (
    "azureml-inference-server-http",
    "pillow",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)


def measure(checkpoint: Path, photos: Sequence[Path], form: Form) -> dict[str, list[Row]]:
    """Start ours and the pipeline in turn; returns the table "starts".

    Files are in the system's cache, for both alike.
    """
    pipeline = PIPELINE if has_fast_bf16() else PIPELINE_FP32
    stacks = {f"ours {fast_float()}": locked(LOCK)}
    if not CONTENDERS[pipeline].why_not(long=True):
        stacks[pipeline] = closure(USUAL_STACK)
    starts: dict[str, list[tuple[float, Run]]] = {name: [] for name in stacks}
    for index in range(form.starts):
        print(f"  start {index + 1} of {form.starts}", file=sys.stderr)
        for name, found in starts.items():
            with Worker(name, checkpoint, photos[0]) as worker:
                found.append((worker.start_seconds, worker.run(photos[0])))
    return {"starts": [_row(name, starts[name], names) for name, names in stacks.items()]}


def _row(name: str, starts: Sequence[tuple[float, Run]], distributions: set[str]) -> Row:
    seconds = [taken for taken, _ in starts]
    installed = size(distributions)
    return {
        "contender": name,
        "min_s": round(min(seconds), 2),
        "median_s": round(statistics.median(seconds), 2),
        "peak_mb": round(statistics.median(run.peak_mb for _, run in starts)),
        "steady_mb": round(statistics.median(run.steady_mb for _, run in starts)),
        "packages": installed.packages,
        "install_mb": round(installed.megabytes),
        "not_counted": " ".join(installed.missing),
    }
