"""The folder that a run over many files writes to, and from which a later run goes on.

It holds the parts of the table, and `_run.json`, which says of what: input, model and settings;
rows of different ones are never mixed. Whatever reads the folder as one table leaves out names that
begin with `_` or `.`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nsfw_detector.batch import FileScore
from nsfw_detector.batch.parts import part_name, write_part
from nsfw_detector.batch.rows import to_table
from nsfw_detector.errors import ImageNotFoundError, ImageUnavailableError
from nsfw_detector.results import ModelInfo
from scripts.errors import OperatorError
from scripts.folder_run.name_set import NameSet

RUN = "_run.json"
LOCK = ".lock"
TRIED_AGAIN = (ImageNotFoundError.code, ImageUnavailableError.code)
"""Errors that are not the file's own: its bytes could not be had."""


class ResultsFolder:
    """A folder of results. One process at a time may have it open.

    Args:
        path: Made if it is missing.

    Raises:
        OperatorError: Another process writes to it, or it cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel frees it after kill
        except BlockingIOError:
            os.close(self._lock)
            raise OperatorError(
                f"Another run is writing to {path}.", "Wait for it, or give another --out."
            ) from None
        except OSError:  # some network file systems have no locks
            pass

    def close(self) -> None:
        """Let other processes have it."""
        os.close(self._lock)

    def parts(self) -> list[Path]:
        """The parts of the table."""
        return sorted(self.path.glob("part-*.parquet"))

    def rows(self) -> int:
        """How many rows there are."""
        return sum(_open(part).metadata.num_rows for part in self.parts())

    def begin(self, run: Mapping[str, Any], *, restart: bool) -> None:
        """Make the folder ready for a run: what is there is of the same kind, or removed.

        Args:
            run: What the rows depend on, as plain JSON data.
            restart: Whether to remove the results that are there.

        Raises:
            OperatorError: The results there are of another input, model or settings, or nothing can
                be written.
        """
        with writing(self.path):
            for staging in self.path.glob(".part-*.tmp"):  # of a run that was killed
                staging.unlink(missing_ok=True)
            if restart:
                for part in self.parts():
                    part.unlink()
            elif self.parts():
                self._compare(run)
            staging = self.path / f"{RUN}.tmp"
            staging.write_text(json.dumps(run, indent=2) + "\n")
            staging.replace(self.path / RUN)

    def drop_tried_again(self) -> int:
        """Take the rows of files that could not be read out of the table; returns how many.

        They are scored anew: after this they are as if never seen.
        """
        dropped = 0
        for part in self.parts():
            codes = _read(part, ["error_code"])["error_code"]
            again = pc.fill_null(pc.is_in(codes, value_set=pa.array(TRIED_AGAIN)), False)
            count = pc.sum(again).as_py() or 0
            with writing(self.path):
                if count == len(codes):
                    part.unlink()
                elif count:
                    write_part(self.path, part.name, _read(part).filter(pc.invert(again)))
            dropped += count
        return dropped

    def done(self) -> NameSet:
        """The paths that have a row."""
        return NameSet(self._paths())

    def _paths(self) -> Iterator[str]:
        for part in self.parts():
            yield from _read(part, ["path"])["path"].to_pylist()

    def _compare(self, run: Mapping[str, Any]) -> None:
        earlier: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            earlier = json.loads((self.path / RUN).read_text())
        if not earlier:
            raise OperatorError(
                f"{self.path} holds results, but no readable {RUN} that tells of what.",
                "Give another --out, or --restart to remove them and begin anew.",
            )
        # Through JSON, so that tuples and lists are the same.
        now = json.loads(json.dumps(run))
        different = [key for key in now if now[key] != earlier.get(key)]
        if different:
            lines = [f"  {key}: {earlier.get(key)} -> {now[key]}" for key in different]
            raise OperatorError(
                "\n".join([f"The results in {self.path} were made otherwise:", *lines]),
                "Give another --out, or --restart to remove them and begin anew.",
            )


class PartWriter:
    """Gathers rows, and writes a part whenever there are enough; the rest when it is left.

    Args:
        results: Where to.
        info: The model.
        embedding_size: Length of the embeddings; None: none are written.
        part_size: Rows of a part.
    """

    def __init__(
        self, results: ResultsFolder, info: ModelInfo, embedding_size: int | None, part_size: int
    ) -> None:
        self._folder = results.path
        self._info = info
        self._embedding_size = embedding_size
        self._part_size = part_size
        self._scores: list[FileScore] = []

    def add(self, score: FileScore) -> None:
        """Take the row of one file."""
        self._scores.append(score)
        if len(self._scores) >= self._part_size:
            self._write()

    def _write(self) -> None:
        paths = [score.file for score in self._scores]
        table = to_table(self._scores, paths, self._info, self._embedding_size)
        with writing(self._folder):
            write_part(self._folder, part_name(paths), table)
        self._scores = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._scores:
            self._write()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what keeps files from being written into an `OperatorError`."""
    try:
        yield
    except OSError as error:
        # Messages of pyarrow are long, and hold more than the reason.
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        raise OperatorError(
            f"{folder} cannot be written to: {why}.",
            "Make room or get the rights, and the same command goes on from here; or give another "
            "folder to --out.",
        ) from None


def _read(part: Path, columns: list[str] | None = None) -> pa.Table:
    file = _open(part)
    try:
        return file.read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(part, error) from None


def _open(part: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(part)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(part, error) from None


def _damaged(part: Path, error: Exception) -> OperatorError:
    return OperatorError(
        f"{part} cannot be read: {error}", "Remove it; its files are scored again by the next run."
    )
