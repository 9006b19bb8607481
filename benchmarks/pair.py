"""Two contenders alone on the machine, in turn over the sample photographs.

The table of the engines keeps a dozen processes loaded; this is the plain comparison of two.

Example:
    python -m benchmarks.pair "ours bf16" "transformers pipeline bf16 (its default)"
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contenders import CONTENDERS, PIPELINE
from benchmarks.full_size import HELP, full_size
from benchmarks.worker import Worker
from scripts.command import whole_number
from scripts.paths import SAMPLES

PAUSE = 0.05  # threads of the other may still spin for a moment, waiting for more work


def compare(
    names: Sequence[str], checkpoint: Path, photos: Sequence[Path], rounds: int
) -> tuple[float, float, float]:
    """Run two contenders in turn; every photograph is shown once before anything is timed.

    Returns:
        Median milliseconds of each, and the median of the ratios second / first, pair by pair.
    """
    pairs: list[tuple[float, float]] = []
    with Worker(names[0], checkpoint, photos[0]) as a, Worker(names[1], checkpoint, photos[0]) as b:
        for index in range(-len(photos), rounds):
            photo = photos[index % len(photos)]
            seconds = []
            for worker in (a, b):
                time.sleep(PAUSE)
                seconds.append(worker.run(photo).seconds)
            if index >= 0:
                pairs.append((seconds[0], seconds[1]))
    first, second = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    return first, second, statistics.median(late / early for early, late in pairs)


def main() -> None:
    """Parse the command line, compare, print a line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog='example: python -m benchmarks.pair "ours bf16" --rounds 40',
    )
    parser.add_argument("first", choices=CONTENDERS, metavar="first", help="such as 'ours bf16'")
    parser.add_argument("second", choices=CONTENDERS, metavar="second", nargs="?", default=PIPELINE)
    parser.add_argument("--checkpoint", type=Path, help=HELP)
    parser.add_argument(
        "--rounds", type=whole_number(1), default=40, help="timed runs of each (default 40)"
    )
    arguments = parser.parse_args()
    names = (arguments.first, arguments.second)
    photos = sorted(SAMPLES.glob("*.jpg"))
    with full_size(arguments.checkpoint) as checkpoint:
        first, second, ratio = compare(names, checkpoint, photos, arguments.rounds)
    print(f"{names[0]} {first:.0f} ms, {names[1]} {second:.0f} ms: {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
