"""Embeddings made comparable: what all images share counts nothing, each way to differ the same.

Embeddings of a transformer all point into nearly the same direction, and a model trained to grade
spreads them along the few directions that tell the grade: two photographs of one grade have a high
cosine whatever they show. Whitening (mean 0, every direction of variance 1) leaves what tells one
picture from another.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHRINKAGE = 0.03
"""Added to the variance of every direction, as a share of their mean: directions in which images
hardly differ hold little but noise. How it was chosen: docs/embeddings.md."""
BLOCK = 4096


def whiten(vectors: NDArray[np.float32], shrinkage: float = SHRINKAGE) -> None:
    """Whiten embeddings in place, by their own mean and covariance, and bring them to length 1.

    Args:
        vectors: float32 (n, features), different from each other, or they would weigh too much.
        shrinkage: See `SHRINKAGE`; infinite, it would only move the mean to 0.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    features = vectors.shape[1]
    covariance = np.zeros((features, features))
    for first in range(0, len(vectors), BLOCK):
        centred = vectors[first : first + BLOCK] - mean
        covariance += centred.T @ centred / len(vectors)
    variances, directions = np.linalg.eigh(covariance)
    variances = np.maximum(variances, 0) + shrinkage * variances.mean()
    matrix = directions / np.sqrt(variances)
    for first in range(0, len(vectors), BLOCK):
        white = (vectors[first : first + BLOCK] - mean) @ matrix
        lengths = np.linalg.norm(white, axis=1, keepdims=True)
        vectors[first : first + BLOCK] = white / np.where(lengths > 0, lengths, 1)
