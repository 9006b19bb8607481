"""From what the model gives to the embedding that was asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.results import Detection, Embedding


def normalized(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector at length 1 (L2), so that a dot product of two is their cosine similarity.

    A vector of length 0, which has no direction, stays as it is.
    """
    length = np.linalg.norm(vector)
    return vector / length if length else vector


def as_embedding(detection: Detection, normalize: bool) -> Embedding:
    """Take the embedding from a detection for which it was asked.

    Args:
        detection: Of one image.
        normalize: Whether to bring each vector to length 1.
    """
    assert detection.embedding is not None
    finish = normalized if normalize else np.asarray
    layers = {block: finish(vector) for block, vector in detection.layers.items()}
    return Embedding(finish(detection.embedding), layers)
