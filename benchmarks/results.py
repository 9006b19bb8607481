"""Tables as CSV files, one row per line, empty where nothing was measured."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

FOLDER = Path(__file__).resolve().parent / "results"
Row: TypeAlias = dict[str, str | int | float | None]
"""Column -> value; None where there is none."""


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write a table; all rows have the same columns."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def text(rows: Sequence[Row]) -> str:
    """A table to be read in a terminal."""
    cells = [list(rows[0]), *([_shown(v) for v in row.values()] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _shown(value: str | int | float | None) -> str:
    return "" if value is None else str(value)
