"""What the experiments share: decisions, how often they agree, speeds in turn, tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from nsfw_detector.engines.cpu import instruction_set
from nsfw_detector.policy import Policy
from nsfw_detector.results import Decision
from nsfw_detector.threads import usable_cores

CONFIDENCE = 0.95
Values: TypeAlias = NDArray[np.float32]
"""`at_least` values, one row per image, one column per level above the lowest."""


@dataclass(frozen=True)
class Agreement:
    """How many of some decisions equal those of the full model.

    Attributes:
        equal: Decisions that do.
        count: Of how many.
    """

    equal: int
    count: int

    @classmethod
    def between(cls, own: Sequence[Decision], full: Sequence[Decision]) -> Agreement:
        """Compare image by image."""
        return cls(sum(a == b for a, b in zip(own, full, strict=True)), len(full))

    def __str__(self) -> str:
        """Share, and the lower end of its one-sided 95 % confidence interval (exact)."""
        result = binomtest(self.equal, self.count, alternative="greater")
        bound = result.proportion_ci(CONFIDENCE).low
        return f"{self.equal / self.count:.2%} (at least {bound:.2%})"


def decisions(policy: Policy, labels: Sequence[str], values: Values) -> list[Decision]:
    """Decide on each image."""
    return [policy.decide(dict(zip(labels[1:], row, strict=True))) for row in values.tolist()]


def accuracy(values: Values, levels: Sequence[int | None]) -> str:
    """Share of images that are called by their true level, an index, at thresholds of 1/2."""
    if None in levels:
        return "unknown"
    return f"{np.mean((values >= 0.5).sum(axis=1) == np.array(levels)):.3f}"


def minima(
    contenders: Mapping[str, Callable[[], float]], rounds: int, warm_up: int = 1
) -> dict[str, float]:
    """Run all contenders in turn, so that a noisy moment meets all of them.

    The least of several times is what a busy machine disturbs least.

    Args:
        contenders: Each runs once and returns its seconds.
        rounds: How often each is counted.
        warm_up: Rounds before that which are not.

    Returns:
        Least seconds of each.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for index in range(warm_up + rounds):
        for name, run in contenders.items():
            taken = run()
            if index >= warm_up:
                seconds[name].append(taken)
    return {name: min(values) for name, values in seconds.items()}


def processor_time(run: Callable[[], object]) -> Callable[[], float]:
    """Make a call return the seconds of processor time that it took, of all threads."""

    def measured() -> float:
        started = time.process_time()
        run()
        return time.process_time() - started

    return measured


def machine() -> str:
    """The CPU's model, its cores in use here, and its best matrix instructions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "CPU")
    return f"{name}, {usable_cores()} cores, {instruction_set()}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
