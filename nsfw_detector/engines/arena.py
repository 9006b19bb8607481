"""File-backed memory for weights that are read once, when a graph is compiled.

OpenVINO packs each weight into its kernels' layout and keeps the graph's own copy as well, in case
the compiled model is to be exported: 345 MB that are never read again. Held in a mapped file, that
copy can be let go of: the operating system drops the pages, and would read them back if anyone
asked. The file has no name and vanishes with the process.
"""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np
from numpy.typing import NDArray

PAGE = mmap.PAGESIZE


class Arena:
    """Holds float32 arrays in an unnamed temporary file.

    Args:
        capacity: Bytes reserved on the temporary file system, so that running out of space is an
            error here and not a crash later.

    Raises:
        OSError: The temporary file system (`TMPDIR`) has no room or cannot be written.
    """

    def __init__(self, capacity: int) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as this
        os.posix_fallocate(self._file.fileno(), 0, capacity)
        # A private map, because OpenVINO takes no array that is read-only; nothing writes to it.
        self._map = mmap.mmap(self._file.fileno(), capacity, access=mmap.ACCESS_COPY)
        self._used = 0

    def put(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy an array into the file; returns the view of it there."""
        start = self._used
        # Writing to the file and reading through the map costs half of writing through the map.
        os.pwrite(self._file.fileno(), np.ascontiguousarray(values).data, start)
        self._used += -(-values.nbytes // PAGE) * PAGE
        return np.frombuffer(self._map, np.float32, values.size, start).reshape(values.shape)

    def release(self) -> None:
        """Let the operating system take back the memory; the arrays stay valid."""
        self._map.madvise(mmap.MADV_DONTNEED)
