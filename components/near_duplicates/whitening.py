"""Embeddings made comparable: what all images share counts nothing, each way to differ the same.

Embeddings of a transformer all point into nearly the same direction, and a model trained to grade
spreads them along the few directions that tell the grade: two photographs of one grade have a high
cosine whatever they show. Whitening (mean 0, every direction of variance 1) leaves what tells one
picture from another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096


def shrinkage(n: int, features: int) -> float:
    """What is added to the variance of every direction, as a share of their mean.

    Directions in which images hardly differ hold little but noise, and the fewer images there are,
    the less is known of any direction. How the numbers were chosen: docs/embeddings.md.
    """
    return 0.03 + 0.3 * features / n


def whiten(vectors: NDArray[np.float32], added: float | None = None) -> None:
    """Whiten embeddings in place, by their own mean and covariance, and bring them to length 1.

    Args:
        vectors: float32 (n, features), different from each other, or they would weigh too much.
        added: In place of what `shrinkage` gives.
    """
    n, features = vectors.shape
    share = shrinkage(n, features) if added is None else added
    mean = vectors.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((features, features))
    for first in range(0, n, BLOCK):
        centred = vectors[first : first + BLOCK] - mean
        covariance += centred.T @ centred / n
    variances, directions = np.linalg.eigh(covariance)
    variances = np.maximum(variances, 0) + share * variances.mean()
    matrix = directions / np.sqrt(variances)
    for first in range(0, n, BLOCK):
        white = (vectors[first : first + BLOCK] - mean) @ matrix
        lengths = np.linalg.norm(white, axis=1, keepdims=True)
        vectors[first : first + BLOCK] = white / np.where(lengths > 0, lengths, 1)
