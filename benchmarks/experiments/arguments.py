"""The command line that the experiments share."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.full_size import HELP
from scripts.command import new_parser, whole_number
from scripts.paths import DEMO


def experiment_parser(doc: str | None, *, pictures: int, rounds: int) -> argparse.ArgumentParser:
    """Make the parser of an experiment that judges decisions and measures speed.

    Args:
        doc: The experiment's docstring: what it does, then its examples.
        pictures: Default of `--pictures`.
        rounds: Default of `--rounds`.
    """
    parser = new_parser(doc, changes=False)
    parser.add_argument(
        "--checkpoint", type=Path, default=DEMO, help="that decides (default: models/demo)"
    )
    parser.add_argument(
        "--pictures",
        type=whole_number(1),
        default=pictures,
        help="most that are decided on (default: %(default)s)",
    )
    parser.add_argument("--speed", type=Path, metavar="CHECKPOINT", help=f"that is timed; {HELP}")
    parser.add_argument(
        "--rounds",
        type=whole_number(1),
        default=rounds,
        help="runs that are timed (default: %(default)s)",
    )
    return parser
