"""How alike images are that have nothing to do with each other: what a threshold has to clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

SAMPLE = 1500
"""Images drawn, of which all pairs are looked at: 1.1 million."""


@dataclass(frozen=True, slots=True)
class Chance:
    """Cosines of random pairs of images.

    Attributes:
        images: All that there are.
        threshold: Least cosine of a copy.
        pairs: Random pairs looked at.
        share: Of them that reach the threshold.
        quantiles: Share of pairs -> cosine that so many stay below.
    """

    images: int
    threshold: float
    pairs: int
    share: float
    quantiles: dict[float, float]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], threshold: float) -> Self:
        """Look at random pairs of different vectors of length 1, (n, features) with n above 1."""
        rng = np.random.default_rng(0)
        drawn = vectors[rng.choice(len(vectors), min(len(vectors), SAMPLE), replace=False)]
        cosines = (drawn @ drawn.T)[np.triu_indices(len(drawn), 1)]
        levels = (0.5, 0.99, 0.9999)
        quantiles = dict(zip(levels, map(float, np.quantile(cosines, levels)), strict=True))
        share = float((cosines >= threshold).mean())
        return cls(len(vectors), threshold, len(cosines), share, quantiles)

    @property
    def per_image(self) -> float:
        """Others that reach the threshold with an image, on average over all images."""
        return self.share * (self.images - 1)

    def text(self) -> str:
        """The figures, and a warning if an image has more than one such other."""
        below = ", ".join(
            f"{100 * s:g} % below {cosine:.3f}" for s, cosine in self.quantiles.items()
        )
        text = (
            f"Cosines of {self.pairs:,} random pairs: {below}; "
            f"{self.share:.1e} of them reach {self.threshold:g}."
        )
        if self.per_image > 1:
            text += (
                f"\nWARNING: so an image would have {self.per_image:.1f} copies on average. "
                "Unless there really are so many, raise the threshold."
            )
        return text
