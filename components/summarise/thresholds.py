"""The policy's thresholds, held against the rows: whether these decided, and what is near them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.policy import DEFAULT_THRESHOLD, Policy

if TYPE_CHECKING:
    import pyarrow as pa

NEAR = 0.1
"""How far from a threshold an image is near it."""
ROUNDING = 2e-6
"""Rows hold probabilities to six digits, as float32: so near a threshold, either side is right."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold.

    Attributes:
        what: What an image that reaches it is: "level", "review" or "block".
        label: Of the probability "at least" that it is on.
        value: From 0 to 1.
    """

    what: str
    label: str
    value: float


class Thresholds:
    """Goes through rows, and counts what is near the thresholds of a policy.

    Args:
        policy: The one that is thought to have decided.
        labels: Of the model, least severe first.

    Attributes:
        near: Threshold -> images less than `NEAR` below it, and as many from it up.
        decided: Whether all rows have the level and the decision that the policy gives.
    """

    def __init__(self, policy: Policy, labels: Sequence[str]) -> None:
        self._policy = policy
        self._labels = list(labels)
        levels = {label: policy.levels.get(label, DEFAULT_THRESHOLD) for label in labels[1:]}
        kinds = {"level": levels, "review": policy.review, "block": policy.block}
        self.near: dict[Threshold, tuple[int, int]] = {
            Threshold(what, label, value): (0, 0)
            for what, values in kinds.items()
            for label, value in values.items()
        }
        self.decided = all(each.label in levels for each in self.near)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count rows; needs `level`, `decision` and the `at_least_<label>` columns."""
        if not self.decided:
            return
        scored = batch.filter(batch["level"].is_valid())
        at_least = {
            label: scored[f"at_least_{label}"].to_numpy().astype(np.float64)
            for label in self._labels[1:]
        }
        doubtful = np.zeros(scored.num_rows, dtype=bool)
        for threshold, (below, above) in self.near.items():
            distance = at_least[threshold.label] - threshold.value
            doubtful |= np.abs(distance) < ROUNDING
            self.near[threshold] = (
                below + int(((distance < 0) & (distance > -NEAR)).sum()),
                above + int(((distance >= 0) & (distance < NEAR)).sum()),
            )
        for column, expected in (
            ("level", self._levels(at_least)),
            ("decision", self._decisions(at_least)),
        ):
            found = np.array(scored[column].to_pylist(), dtype=object)
            self.decided &= bool(((found == expected) | doubtful).all())

    def _levels(self, at_least: dict[str, NDArray[np.float64]]) -> NDArray[np.object_]:
        levels = np.full(len(next(iter(at_least.values()))), self._labels[0], dtype=object)
        for label, values in at_least.items():
            levels[values >= self._policy.levels.get(label, DEFAULT_THRESHOLD)] = label
        return levels

    def _decisions(self, at_least: dict[str, NDArray[np.float64]]) -> NDArray[np.object_]:
        decisions = np.full(len(next(iter(at_least.values()))), "allow", dtype=object)
        for decision, thresholds in (
            ("review", self._policy.review),
            ("block", self._policy.block),
        ):
            for label, value in thresholds.items():
                decisions[at_least[label] >= value] = decision
        return decisions
