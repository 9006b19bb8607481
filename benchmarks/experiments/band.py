"""The rule of a screen: what it settles itself, and what it passes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.experiments.evaluation import Values
from nsfw_detector.results import Decision


@dataclass(frozen=True)
class Band:
    """What the screen passes on.

    Attributes:
        lower: Allowed without a second look: a value of the policy's review level below this.
        upper: Blocked without a second look: a value of its block level above this.
    """

    lower: float
    upper: float

    @classmethod
    def calibrate(
        cls, review: Values, block: Values, full: Sequence[Decision], slips: int = 0
    ) -> Band:
        """The narrowest band that settles next to nothing otherwise than the full resolution does.

        Args:
            review: The screen's values of the review level.
            block: Its values of the block level.
            full: What the full resolution decides. Where too few examples speak against settling,
                none speaks for it either: the band is then open on that side.
            slips: Images that each threshold may settle wrongly.
        """
        decided = np.array(full)
        not_allowed = sorted(review[decided != "allow"].tolist())
        not_blocked = sorted(block[decided != "block"].tolist(), reverse=True)
        return cls(
            lower=not_allowed[slips] if len(not_allowed) > slips else 0.0,
            upper=not_blocked[slips] if len(not_blocked) > slips else 1.0,
        )

    def settle(self, review: float, block: float) -> Decision | None:
        """Decide, or return None to pass the image on."""
        allow, refuse = review < self.lower, block > self.upper
        if allow == refuse:  # neither, or at odds with itself
            return None
        return "allow" if allow else "block"
