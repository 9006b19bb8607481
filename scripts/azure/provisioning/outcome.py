"""What came of one thing that must exist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["exists", "made", "would be made", "differs", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the table.

    Attributes:
        kind: What it is.
        name: What it is called.
        state: `differs`: it exists, not as the file has it, and was left so.
        detail: What differs, or what to do. Empty where there is nothing to say.
    """

    kind: str
    name: str
    state: State
    detail: str = ""


def print_outcomes(outcomes: Iterable[Outcome]) -> None:
    """Print outcomes as a table."""
    rows = [("kind", "name", "state", ""), *(astuple(outcome) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print(
            "  ".join(
                [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]
            ).rstrip()
        )
