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


def angle_tables(spec: Eva02Spec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosine and sine for every token, class token first.

    The positions are those of the patch grid, scaled to the grid that the positions were trained
    on. Row angles fill the first half of each table's channels, column angles the second.

    Returns:
        (cos, sin), each float32 of shape (tokens, head_dim / 2).
    """
    rows, columns = spec.grid
    reference_rows, reference_columns = spec.reference_grid
    bands = TEMPERATURE ** (-np.arange(spec.head_dim // 4) / (spec.head_dim // 4))
    by_row = np.outer(np.arange(rows) * reference_rows / rows, bands)
    by_column = np.outer(np.arange(columns) * reference_columns / columns, bands)
    patches = np.concatenate(
        [np.repeat(by_row, columns, axis=0), np.tile(by_column, (rows, 1))], axis=1
    )
    angles = np.concatenate([np.zeros((1, spec.head_dim // 2)), patches])
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
