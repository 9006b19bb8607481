"""Each candidate beside fp32, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from nsfw_detector.engines.optimised import Candidate
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.policy import Policy
from scripts.optimising.trial import Trial

REFERENCE: Candidate = "fp32"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Verdict:
    """A candidate beside fp32, over the same images.

    Attributes:
        milliseconds: Median over the images.
        speedup: Median of the ratios image by image.
        megabytes: Memory that it holds.
        drift: Largest change of any probability.
        level_changes: Images that are called by another level.
        decision_changes: Images that the policy decides otherwise.
        decision_changes_bound: Upper end of the confidence interval of their share.
    """

    milliseconds: float
    speedup: float
    megabytes: float
    drift: float
    level_changes: int
    decision_changes: int
    decision_changes_bound: float


def judge(trial: Trial, reference: Trial, labels: Sequence[str], policy: Policy) -> Verdict:
    """Compare a candidate with the reference."""
    own, exact = (probabilities(np.stack(t.logits)) for t in (trial, reference))
    verdicts = []
    for scores in (own, exact):
        rows = [dict(zip(labels[1:], row, strict=True)) for row in at_least(scores).tolist()]
        verdicts.append([(policy.level(row, labels[0]), policy.decide(row)) for row in rows])
    pairs = list(zip(*verdicts, strict=True))
    changes = sum(mine[1] != theirs[1] for mine, theirs in pairs)
    interval = binomtest(changes, len(pairs), alternative="less").proportion_ci(CONFIDENCE)
    ratios = np.array(reference.seconds) / np.array(trial.seconds)
    return Verdict(
        milliseconds=float(np.median(trial.seconds)) * 1000,
        speedup=float(np.median(ratios)),
        megabytes=trial.megabytes,
        drift=float(np.abs(own - exact).max()),
        level_changes=sum(mine[0] != theirs[0] for mine, theirs in pairs),
        decision_changes=changes,
        decision_changes_bound=float(interval.high),
    )


def choose(verdicts: dict[Candidate, Verdict], tolerance: float) -> Candidate:
    """The fastest candidate of those that need no gate or pass it."""
    eligible = [
        name
        for name, verdict in verdicts.items()
        if not name.startswith("int8") or verdict.decision_changes_bound <= tolerance
    ]
    return max(eligible, key=lambda name: verdicts[name].speedup)
