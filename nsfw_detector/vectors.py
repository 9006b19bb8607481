"""What is done to embeddings behind the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def normalized(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector at length 1 (L2), so that a dot product of two is their cosine similarity.

    A vector of length 0, which has no direction, stays as it is.
    """
    length = np.linalg.norm(vector)
    return vector / length if length else vector
