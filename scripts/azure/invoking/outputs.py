"""Where rows go: a table for people, JSON lines or CSV for programs.

A row is written at once and whole, so what is there after an interruption is complete, but for the
last line of a process that was killed while it wrote.
"""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, TextIO, TypeAlias

from scripts.azure.invoking.rows import Row, labels_of

Format: TypeAlias = Literal["table", "jsonl", "csv"]


class Output(ABC):
    """Writes rows to a stream.

    Args:
        stream: Open for writing.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @abstractmethod
    def write(self, row: Row) -> None:
        """Write a row."""

    @abstractmethod
    def finish(self) -> None:
        """Write what had to wait for the end."""

    def _put(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class JsonLines(Output):
    """One JSON object per line. ASCII only: file names need not be valid text."""

    def write(self, row: Row) -> None:
        """Write a row."""
        self._put(json.dumps(row))

    def finish(self) -> None:
        """Nothing had to wait."""


class _WithHeader(Output):
    """Rows whose header names the model's levels, known with the first result."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[Row] = []
        self._labels: list[str] | None = None

    def write(self, row: Row) -> None:
        """Write a row; errors wait until there is a result."""
        if self._labels is None:
            self._waiting.append(row)
            if "error" not in row:
                self._begin(row)
        else:
            self._write_row(row, self._labels)

    def finish(self) -> None:
        """Write the rows that still wait, if all were errors."""
        if self._labels is None and self._waiting:
            self._begin({})

    def _begin(self, row: Row) -> None:
        self._labels = labels_of(row)
        self._write_header(row, self._labels)
        for waiting in self._waiting:
            self._write_row(waiting, self._labels)

    @abstractmethod
    def _write_header(self, row: Row, labels: Sequence[str]) -> None: ...

    @abstractmethod
    def _write_row(self, row: Row, labels: Sequence[str]) -> None: ...


class Csv(_WithHeader):
    """Comma-separated values with a header, as spreadsheets and pandas read them."""

    def _write_header(self, row: Row, labels: Sequence[str]) -> None:
        columns = [*(row or ["file", "attempts"])]
        animated = [c for c in ("frames", "frame") if c not in columns]
        self._columns = [*columns, *animated, "error_code", "error_message"]
        self._put(_csv_line(self._columns))

    def _write_row(self, row: Row, labels: Sequence[str]) -> None:
        error = row.get("error", {})
        flat = row | {"error_code": error.get("code"), "error_message": error.get("message")}
        self._put(_csv_line([flat.get(column) for column in self._columns]))


class Table(_WithHeader):
    """Aligned columns for a terminal.

    Args:
        stream: Open for writing.
        width: Of the column with the file names.
    """

    def __init__(self, stream: TextIO, width: int) -> None:
        super().__init__(stream)
        self._width = width

    def _write_header(self, row: Row, labels: Sequence[str]) -> None:
        columns = "".join(f"{'>= ' + label:>11}" for label in labels)
        self._put(f"{'file':<{self._width}}  {'level':<9}{'decision':<9}{columns}{'ms':>8}")

    def _write_row(self, row: Row, labels: Sequence[str]) -> None:
        file = f"{printable(row['file']):<{self._width}}"
        if error := row.get("error"):
            self._put(f"{file}  {'error':<9}{error['code']}: {error['message']}")
            return
        values = "".join(f"{row[f'at_least_{label}']:>11.3f}" for label in labels)
        milliseconds = 1000 * row["seconds"]
        self._put(f"{file}  {row['level']:<9}{row['decision']:<9}{values}{milliseconds:>8.0f}")


def printable(name: str) -> str:
    """A file name on one line, with escapes for what a terminal cannot or must not show."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def _csv_line(values: Sequence[object]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(values)  # quotes the characters of its own line ending, \r\n
    return line.getvalue().removesuffix("\r\n")
