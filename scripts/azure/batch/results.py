"""The table that a batch job writes, part by part: how far it is, and a copy on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from scripts.inputs.blobs.container import DOWNLOADS, Blob, Blobs

SIGNED_SECONDS = 1800.0  # a signature holds an hour, and reading on takes a while
PIECE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        rows: Written so far.
        rate: Rows in a second, from the first part to the latest; None until there are two.
    """

    rows: int
    rate: float | None

    def seconds_left(self, total: int) -> float | None:
        """How long the rest will take at this rate; None if nothing is known."""
        return max(0, total - self.rows) / self.rate if self.rate else None


class Results:
    """Parts in blob storage.

    Args:
        open_blobs: Opens the folder that holds them, signed for an hour at least.
    """

    def __init__(self, open_blobs: Callable[[], Blobs]) -> None:
        self._open_blobs = open_blobs
        self._blobs: Blobs | None = None
        self._open_until = 0.0
        self._rows: dict[Blob, int] = {}

    def progress(self) -> Progress:
        """Count the rows. Of a part that is new, the end is read; of others, nothing.

        Raises:
            OperatorError: The storage account refuses it, or cannot be reached.
            DetectorError: A part cannot be read at present.
        """
        parts = list(self.parts())
        new = [part for part in parts if part not in self._rows]
        blobs = self._opened()

        def count(part: Blob) -> int:
            with blobs.open(part) as file:
                return int(pq.read_metadata(file).num_rows)

        with ThreadPoolExecutor(DOWNLOADS) as pool:
            self._rows |= zip(new, pool.map(count, new), strict=True)
        written = sorted((part.modified, self._rows[part]) for part in parts)
        return Progress(sum(rows for _, rows in written), _rate(written))

    def parts(self) -> Iterator[Blob]:
        """List the parts."""
        for blob in self._opened().list():
            if blob.name.endswith(".parquet") and blob.name[0] not in "._":
                yield blob

    def download(self, folder: Path) -> Iterator[Blob]:
        """Copy the parts that are not there yet. An interrupted copy is gone on with.

        Args:
            folder: Where to.

        Yields:
            Each part as soon as it is there.

        Raises:
            OperatorError: The storage account refuses it, or cannot be reached.
            DetectorError: A part cannot be read at present.
        """
        folder.mkdir(parents=True, exist_ok=True)

        def fetch(part: Blob) -> Blob:
            target = folder / part.name
            if not target.is_file() or target.stat().st_size != part.size:
                self._fetch(part, target)
            return part

        with ThreadPoolExecutor(DOWNLOADS) as pool:
            yield from pool.map(fetch, list(self.parts()))

    def _fetch(self, part: Blob, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with self._opened().open(part) as source, staging.open("wb") as copy:
                while piece := source.read(PIECE):
                    copy.write(piece)
            staging.replace(target)
        finally:
            staging.unlink(missing_ok=True)

    def _opened(self) -> Blobs:
        if self._blobs is None or time.monotonic() > self._open_until:
            self._blobs = self._open_blobs()
            self._open_until = time.monotonic() + SIGNED_SECONDS
        return self._blobs


def _rate(written: list[tuple[datetime, int]]) -> float | None:
    """The first part tells when rows began to come, not how long they took."""
    if not written:
        return None
    seconds = (written[-1][0] - written[0][0]).total_seconds()
    rows = sum(count for when, count in written if when > written[0][0])
    return rows / seconds if seconds else None
