"""How far two deployments say the same about the same images."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.azure.scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Pair:
    """What the old and the new deployment said about one image.

    Attributes:
        image: The file.
        old_level: Level, or the code of the error.
        new_level: Same of the new deployment.
        old_decision: Decision, or the code of the error.
        new_decision: Same of the new deployment.
        change: Largest change of any of the image's `at_least` probabilities.
        old_ms: Time that the old deployment took.
        new_ms: Time that the new deployment took.
    """

    image: str
    old_level: str
    new_level: str
    old_decision: str
    new_decision: str
    change: float
    old_ms: float
    new_ms: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """The comparison of two deployments.

    Attributes:
        old: Name of the old deployment.
        new: Name of the new one.
        pairs: One for each image.
    """

    old: str
    new: str
    pairs: tuple[Pair, ...]

    @property
    def levels(self) -> float:
        """Percentage of images with the same level."""
        return self._percent([p.old_level == p.new_level for p in self.pairs])

    @property
    def decisions(self) -> float:
        """Percentage of images with the same decision."""
        return self._percent([p.old_decision == p.new_decision for p in self.pairs])

    def summary(self) -> dict[str, Any]:
        """The figures, by name."""
        changes = [p.change for p in self.pairs]
        return {
            "images": len(self.pairs),
            "same level, %": round(self.levels, 2),
            "same decision, %": round(self.decisions, 2),
            "largest change of a probability": round(max(changes), 6),
            "mean change of a probability": round(statistics.fmean(changes), 6),
            f"median ms, {self.old}": round(statistics.median(p.old_ms for p in self.pairs)),
            f"median ms, {self.new}": round(statistics.median(p.new_ms for p in self.pairs)),
        }

    def differing(self) -> list[Pair]:
        """Images whose level or decision changed, those with the largest change first."""
        found = [
            p for p in self.pairs if p.old_level != p.new_level or p.old_decision != p.new_decision
        ]
        return sorted(found, key=lambda p: -p.change)

    @staticmethod
    def _percent(same: Sequence[bool]) -> float:
        return 100.0 * sum(same) / len(same)


def compare(old: tuple[str, Scorer], new: tuple[str, Scorer], images: Sequence[Path]) -> Agreement:
    """Have two deployments score the same images, in turn.

    Args:
        old: Name and client of the old deployment.
        new: Name and client of the new one.
        images: The images; at least one.

    Raises:
        ScoringError: One of them does not answer.
    """
    pairs = []
    for number, image in enumerate(images, 1):
        content = image.read_bytes()
        before, after = old[1].score(content), new[1].score(content)
        pairs.append(
            Pair(
                str(image),
                _said(before.result, "level"),
                _said(after.result, "level"),
                _said(before.result, "decision"),
                _said(after.result, "decision"),
                _change(before.result, after.result),
                before.seconds * 1000,
                after.seconds * 1000,
            )
        )
        if number % 100 == 0:
            print(f"  {number} of {len(images)} images compared", flush=True)
    return Agreement(old[0], new[0], tuple(pairs))


def render(agreement: Agreement, most: int | None = None) -> str:
    """Write the comparison as a Markdown table, then the images that differ.

    Args:
        agreement: The comparison.
        most: How many of the images that differ to list; None for all.
    """
    lines = [f"| {agreement.old} -> {agreement.new} | |", "| --- | ---: |"]
    lines += [f"| {name} | {value} |" for name, value in agreement.summary().items()]
    differing = agreement.differing()
    if differing:
        lines += ["", "| image | level | decision | change |", "| --- | --- | --- | ---: |"]
        lines += [
            f"| {p.image} | {p.old_level} -> {p.new_level} | "
            f"{p.old_decision} -> {p.new_decision} | {p.change:.3f} |"
            for p in differing[:most]
        ]
        if most is not None and len(differing) > most:
            lines.append(f"\n{len(differing) - most} more: --report lists all")
    return "\n".join(lines) + "\n"


def write_report(agreement: Agreement, path: Path) -> None:
    """Write the whole comparison to a file: JSON if it is called so, else Markdown."""
    if path.suffix == ".json":
        content = {"summary": agreement.summary(), "images": [asdict(p) for p in agreement.pairs]}
        text = json.dumps(content, indent=1) + "\n"
    else:
        text = f"# Agreement of two deployments\n\n{render(agreement)}"
    path.write_text(text, encoding="utf-8")


def _said(result: dict[str, Any], field: str) -> str:
    error = result.get("error")
    return str(error["code"] if error else result[field])


def _change(old: dict[str, Any], new: dict[str, Any]) -> float:
    before, after = old.get("at_least"), new.get("at_least")
    if not before or not after:
        return 0.0 if bool(before) == bool(after) else 1.0
    levels = {*before, *after}
    return max(abs(float(before.get(x, 0)) - float(after.get(x, 0))) for x in levels)
