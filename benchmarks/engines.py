"""One image at a time through each contender, interleaved in one run.

Example:
    python -m benchmarks.engines --rounds 10
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.worker import ROOT, Run, Worker
from scripts.random_checkpoint import FREEPIK_CONFIG, write_checkpoint

REFERENCE = "transformers pipeline bf16 (its default)"
EXACT = "transformers pipeline fp32"
PHOTOS = sorted((ROOT / "samples").glob("*.jpg"))
COLUMNS = ("contender", "min_ms", "median_ms", "speedup", "start_s", "peak_mb", "max_drift")


def measure(
    checkpoint: Path, names: list[str], rounds: int
) -> tuple[dict[str, list[Run]], dict[str, float]]:
    """Run all contenders in turn, photo by photo, so that a noisy moment meets all of them.

    Returns:
        Runs by contender in the same order of photos, and seconds from start to first result.
    """
    with ExitStack() as stack:
        workers = []
        for name in names:
            print(f"loading {name} ...", file=sys.stderr)
            workers.append(stack.enter_context(Worker(name, checkpoint, PHOTOS[0])))
        runs: dict[str, list[Run]] = {name: [] for name in names}
        for index in range(rounds):
            photo = PHOTOS[index % len(PHOTOS)]
            for worker in workers:
                runs[worker.name].append(worker.run(photo))
            print(f"round {index + 1} of {rounds}", end="\r", file=sys.stderr)
        return runs, {worker.name: worker.start_seconds for worker in workers}


def table(runs: dict[str, list[Run]], starts: dict[str, float]) -> list[dict[str, object]]:
    """Summarise: minima, medians, median of the pairwise speed-ups, drift from fp32."""
    rows = []
    for name, own in runs.items():
        ratios = [r.seconds / o.seconds for r, o in zip(runs[REFERENCE], own, strict=True)]
        drift = max(
            abs(a - b)
            for exact, run in zip(runs[EXACT], own, strict=True)
            for a, b in zip(exact.scores, run.scores, strict=True)
        )
        values = (
            name,
            round(min(run.seconds for run in own) * 1000),
            round(statistics.median(run.seconds for run in own) * 1000),
            round(statistics.median(ratios), 2),
            round(starts[name], 1),
            round(own[-1].peak_mb),
            f"{drift:.1e}",
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def main() -> None:
    """Measure and print the table; with --out also write it as CSV."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="example: python -m benchmarks.engines --rounds 10",
    )
    parser.add_argument("--checkpoint", type=Path, help="default: random weights of full size")
    parser.add_argument("--rounds", type=int, default=12, help="runs per contender (default 12)")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = arguments.checkpoint or write_checkpoint(Path(folder), FREEPIK_CONFIG)
        rows = table(*measure(checkpoint, list(CONTENDERS), arguments.rounds))
    writers = [csv.DictWriter(sys.stdout, COLUMNS, delimiter="\t")]
    with ExitStack() as stack:
        if arguments.out:
            file = stack.enter_context(arguments.out.open("w", newline=""))
            writers.append(csv.DictWriter(file, COLUMNS))
        for writer in writers:
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
