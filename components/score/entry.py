"""Entry script of the parallel components `score` and `embed`: `init()`, then `run(mini_batch)`s.

Runs on this machine as well, over a folder:
    python -m components.score.entry --images samples --model models/demo --rows out/rows
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# Azure ML loads this file by its path, with no more than its own folder to import from.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches

MINI_BATCH_SIZE = 64

mini_batches: MiniBatches


def parse_arguments() -> argparse.Namespace:
    """Read the component's own arguments; Azure ML adds many of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, help="folder; sub-folders too")
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--rows", type=Path, required=True, help="folder for the Parquet parts")
    parser.add_argument("--embeddings", action="store_true", help="add embeddings to the rows")
    return parser.parse_known_args()[0]


def init() -> None:
    """Load the model."""
    global mini_batches
    arguments = parse_arguments()
    mini_batches = MiniBatches(
        Detector.load(arguments.model),
        arguments.rows,
        arguments.images,
        embedding=arguments.embeddings,
    )


def run(mini_batch: list[str]) -> list[str]:
    """Score some files; gives one line for each, in order, and writes their rows."""
    return mini_batches.score(mini_batch)


def main() -> None:
    """Score a folder on this machine, in mini-batches as Azure ML would make them."""
    init()
    files = sorted(str(p) for p in parse_arguments().images.rglob("*") if p.is_file())
    for start in range(0, len(files), MINI_BATCH_SIZE):
        run(files[start : start + MINI_BATCH_SIZE])
        print(f"{min(start + MINI_BATCH_SIZE, len(files))} of {len(files)} files", file=sys.stderr)


if __name__ == "__main__":
    main()
