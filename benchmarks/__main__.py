"""Measure speed and memory beside what one would otherwise use.

Writes a table for each part into benchmarks/results, what machine it was measured on, and a picture
of the main figures. The short form takes a few minutes, the long one an hour on two cores. Leave
the machine alone meanwhile.

Examples:
    python -m benchmarks
    python -m benchmarks --long
    python -m benchmarks --only engines,servers --checkpoint models/mine
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from benchmarks import engines, folder, machine, plot, results, starts
from benchmarks.forms import LONG, SHORT, Form
from benchmarks.full_size import HELP, full_size
from benchmarks.servers import measure as servers
from scripts.paths import SAMPLES

Part: TypeAlias = Callable[[Path, Sequence[Path], Form], dict[str, list[results.Row]]]
PARTS: dict[str, Part] = {
    "engines": engines.measure,
    "servers": servers.measure,
    "starts": starts.measure,
    "folder": folder.measure,
}
BUSY = 0.5
WHY_QUIET = "torch suffers from that far more than OpenVINO, so that ratios are not fair."


def run(
    names: Sequence[str], checkpoint: Path, photos: Sequence[Path], form: Form, out: Path
) -> None:
    """Run parts one after another, print their tables, and write all into a folder."""
    out.mkdir(exist_ok=True)
    load_before, _, _ = os.getloadavg()
    if load_before > BUSY:
        print(f"Others use this machine (load {load_before:.1f}); {WHY_QUIET}", file=sys.stderr)
    for name in names:
        print(f"{name}, {form.name} form", file=sys.stderr)
        started = time.monotonic()
        for table, rows in PARTS[name](checkpoint, photos[: form.photos], form).items():
            if rows:
                results.write(out / f"{table}.csv", rows)
                print(f"\n{table}\n{results.text(rows)}\n", flush=True)
        machine.record(out / "machine.json", name, form, load_before)
        print(f"{name} took {time.monotonic() - started:.0f} s", file=sys.stderr)
    plot.summarise(out)


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - PARTS.keys():
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(PARTS)}")
    return names


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--long", action="store_true", help="the long form")
    parser.add_argument("--checkpoint", type=Path, help=HELP)
    parser.add_argument(
        "--only", type=_parts, default=list(PARTS), help=f"some of {','.join(PARTS)}"
    )
    arguments = parser.parse_args()
    photos = sorted(SAMPLES.glob("*.jpg"))
    if not photos:
        sys.exit("The benchmarks need the photographs in samples/.")
    with full_size(arguments.checkpoint) as checkpoint:
        form = LONG if arguments.long else SHORT
        run(arguments.only, checkpoint, photos, form, results.FOLDER)


if __name__ == "__main__":
    main()
