"""Which images are copies of which: every pair is compared, and no pair is kept."""

from __future__ import annotations

import hashlib

import faiss
import numpy as np
from numpy.typing import NDArray

BLOCK = 1024


def move_distinct(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Move one of each kind of vector to the front, in place.

    Args:
        vectors: float32 (n, features); of equal ones the first is taken.

    Returns:
        The former rows of the m distinct vectors, in rising order, and for each of the n rows
        where among the first m its vector is now.
    """
    digests = b"".join(hashlib.blake2b(vector, digest_size=16).digest() for vector in vectors)
    kinds = np.frombuffer(digests, dtype=[("high", "u8"), ("low", "u8")])
    _, first, kind = np.unique(kinds, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    order = np.argsort(first)
    rank[order] = np.arange(len(first))
    first = first[order]
    for start in range(0, len(first), BLOCK):
        block = vectors[first[start : start + BLOCK]]
        vectors[start : start + len(block)] = block
    return first, rank[kind]


def find_copies(
    vectors: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Say for each vector whether it is kept, or else of which kept one it is a copy.

    A vector is kept if no kept one before it reaches the threshold; else it is a copy of the most
    alike of these. So each copy is as alike as asked for to the one that stands for it, and copies
    of copies make no chains. Takes n x n x features multiplications at most, and little memory.

    Args:
        vectors: float32 (n, features), of length 1. What is kept is moved to the front, in place.
        threshold: Least cosine.

    Returns:
        For each vector the row of the kept one (its own if it is kept), and the cosine with it.
    """
    n, n_kept = len(vectors), 0
    kept = np.empty(n, dtype=np.int64)
    keepers = np.arange(n)
    cosines = np.ones(n, dtype=np.float32)
    for start in range(0, n, BLOCK):
        block = vectors[start : start + BLOCK].copy()
        best = np.full(len(block), -np.inf, dtype=np.float32)
        if n_kept:
            found = faiss.knn(block, vectors[:n_kept], 1, metric=faiss.METRIC_INNER_PRODUCT)
            best, nearest = found[0][:, 0], found[1][:, 0]
        within = block @ block.T
        new: list[int] = []
        for i in range(len(block)):
            keeper, cosine = (kept[nearest[i]] if n_kept else -1), best[i]
            if new and (alike := within[i, new]).max() > cosine:
                keeper, cosine = start + new[int(alike.argmax())], alike.max()
            if cosine >= threshold:
                keepers[start + i], cosines[start + i] = keeper, cosine
            else:
                new.append(i)
        kept[n_kept : n_kept + len(new)] = start + np.array(new, dtype=np.int64)
        vectors[n_kept : n_kept + len(new)] = block[new]
        n_kept += len(new)
    return keepers, cosines
