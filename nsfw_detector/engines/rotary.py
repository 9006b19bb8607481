"""Rotary positions in the layout that runs fast.

timm rotates neighbouring channels (0, 1), (2, 3), ... of each head's q and k. If the rows of the q
and k weights are permuted so that all even channels come first and then all odd ones, the partners
lie half a head apart and a rotation is one multiply-add over two contiguous halves. Attention
scores are dot products of q and k: they do not change under a permutation common to both, so the
rewrite is exact. The class token, which has no position, gets the angle 0 (cos 1, sin 0) and is
thereby treated like every other token.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Eva02Spec

TEMPERATURE = 10000.0


def half_layout(num_heads: int, head_dim: int) -> NDArray[np.int64]:
    """Row order that brings each head's even channels before its odd ones.

    Returns:
        int64 of shape (num_heads * head_dim,): row i of the permuted weights is row order[i] of the
        stored ones.
    """
    within = np.concatenate([np.arange(0, head_dim, 2), np.arange(1, head_dim, 2)])
    order: NDArray[np.int64] = np.arange(num_heads)[:, None] * head_dim + within
    return order.ravel()


def frequency_bands(spec: Eva02Spec) -> NDArray[np.float64]:
    """Angles that a step of one position turns the channels by, shape (head_dim / 4,)."""
    bands = spec.head_dim // 4
    frequencies: NDArray[np.float64] = TEMPERATURE ** (-np.arange(bands) / bands)
    return frequencies


def token_positions(spec: Eva02Spec) -> NDArray[np.float64]:
    """Row and column of every token, class token first and at the origin, where all angles are 0.

    The positions are those of the patch grid, scaled to the grid that the positions were trained
    on.

    Returns:
        Shape (tokens, 2).
    """
    patches = np.indices(spec.grid).reshape(2, -1).T
    scaled = patches * np.array(spec.reference_grid) / np.array(spec.grid)
    return np.concatenate([np.zeros((1, 2)), scaled])


def angle_tables(spec: Eva02Spec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosine and sine for every token, class token first.

    Row angles fill the first half of each table's channels, column angles the second.

    Returns:
        (cos, sin), each float32 of shape (tokens, head_dim / 2).
    """
    angles = token_positions(spec)[:, :, None] * frequency_bands(spec)
    angles = angles.reshape(spec.num_tokens, spec.head_dim // 2)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
