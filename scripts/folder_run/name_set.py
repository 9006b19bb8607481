"""A set of many names in little memory: 16 bytes for each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

SIZE = 16  # at 128 bits, two of a billion names are the same with a probability of 1e-21


def digest(name: str) -> bytes:
    """A short hash of a name, the same on every machine."""
    return hashlib.blake2b(name.encode(), digest_size=SIZE).digest()


class NameSet:
    """Names that are known from the start.

    Args:
        names: Read once, none kept.
    """

    def __init__(self, names: Iterable[str]) -> None:
        digests = bytearray()
        for name in names:
            digests += digest(name)
        self._sorted = np.sort(np.frombuffer(digests, dtype=f"S{SIZE}"))

    def __contains__(self, name: str) -> bool:
        key = np.frombuffer(digest(name), dtype=self._sorted.dtype)[0]
        index = int(np.searchsorted(self._sorted, key))
        return index < len(self._sorted) and bool(self._sorted[index] == key)

    def __len__(self) -> int:
        return len(self._sorted)
