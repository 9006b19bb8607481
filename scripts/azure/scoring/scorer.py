"""What those who try, compare and watch deployments need of a scoring client."""

from __future__ import annotations

from typing import Protocol

from scripts.azure.scoring.scored import Scored


class Scorer(Protocol):
    """Scores images, one by one."""

    def score(self, image: bytes) -> Scored:
        """Score one image."""
