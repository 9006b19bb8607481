"""Logits to probabilities, and probabilities to "at least this level".

The levels of a checkpoint are ordered (neutral < low < medium < high), so the useful number for a
decision is the probability that an image is of a level *or a higher one*: the sum of the softmax
from that level up. These are the semantics of the model's authors (model card of
Freepik/nsfw_image_detector), computed in float32 and clipped to 1; their package sums in bfloat16,
which yields values up to 1.0078.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.errors import InferenceError

FloatArray = NDArray[np.float32]


def probabilities(logits: FloatArray) -> FloatArray:
    """Softmax over the last axis.

    Args:
        logits: Shape (..., levels), any finite values.

    Returns:
        float32 of the same shape, each row in [0, 1] and summing to 1.

    Raises:
        InferenceError: A logit is not finite, so that no probability can be given.
    """
    if not np.isfinite(logits).all():
        raise InferenceError(
            "The model gave a value that is not a finite number for this image. "
            "Try PRECISION=fp32; if it stays, the weights are damaged."
        )
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float32)
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True), dtype=np.float32)


def at_least(scores: FloatArray) -> FloatArray:
    """Probability of each level or a higher one, for every level but the lowest.

    Args:
        scores: Probabilities of shape (..., levels), lowest level first.

    Returns:
        float32 of shape (..., levels - 1) in [0, 1], never rising from one level to the next.
    """
    cumulative = np.cumsum(scores[..., ::-1], axis=-1, dtype=np.float32)[..., ::-1]
    return np.minimum(cumulative[..., 1:], np.float32(1.0))
