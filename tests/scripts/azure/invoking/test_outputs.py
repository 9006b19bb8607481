from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import TextIO

import pytest

from scripts.azure.invoking.outputs import Csv, JsonLines, Output, Table, printable
from scripts.azure.invoking.rows import Row, error_row, result_row
from scripts.azure.scoring.client import Scored
from tests.scripts.azure.moody_server import MODEL, RESULT

GOOD = result_row("good.jpg", Scored(RESULT, MODEL, 0.1234, 2), (4000, 3000), 5_000_000, 400_000)
BAD = error_row("bad\n\r.jpg", "image_not_found", 'It cannot be read, says: "no".')
ANIMATED = result_row(
    "a.gif", Scored(RESULT | {"frames": 9, "frame": 4}, MODEL, 0.1, 1), None, 10, 10
)


def written(make: Callable[[TextIO], Output], rows: list[Row]) -> str:
    stream = io.StringIO(newline="")
    output = make(stream)
    for row in rows:
        output.write(row)
    output.finish()
    return stream.getvalue()


def test_row() -> None:
    assert GOOD == {
        "file": "good.jpg",
        "level": "neutral",
        "decision": "allow",
        "neutral": 0.9,
        "low": 0.1,
        "at_least_low": 0.1,
        "width": 4000,
        "height": 3000,
        "model": "m:1",
        "digest": "sha256:0",
        "bytes": 5_000_000,
        "bytes_sent": 400_000,
        "seconds": 0.123,
        "attempts": 2,
    }
    assert (ANIMATED["frames"], ANIMATED["frame"], ANIMATED["width"]) == (9, 4, 2)


def test_row_of_an_image_with_an_error() -> None:
    error = {"code": "image_empty", "message": "No bytes."}
    row = result_row("x", Scored({"id": "0", "error": error}, MODEL, 0.1, 1), None, 0, 0)
    assert row["error"] == error
    assert "level" not in row


def test_json_lines() -> None:
    lines = written(JsonLines, [BAD, GOOD]).splitlines()
    assert [json.loads(line) for line in lines] == [BAD, GOOD]


def test_json_lines_of_a_name_that_is_not_text() -> None:
    row = error_row("\udcff.jpg", "x", "y")
    text = written(JsonLines, [row])
    assert json.loads(text.encode("utf-8")) == row


@pytest.mark.parametrize(
    "rows", [[GOOD, BAD, ANIMATED], [BAD, BAD, GOOD, ANIMATED], [ANIMATED, GOOD]]
)
def test_csv(rows: list[Row]) -> None:
    read = list(csv.DictReader(io.StringIO(written(Csv, rows), newline="")))
    assert [row["file"] for row in read] == [row["file"] for row in rows]
    for row, expected in zip(read, rows, strict=True):
        error = expected.get("error", {})
        assert row["error_code"] == error.get("code", "")
        assert row["error_message"] == error.get("message", "")
        assert row["at_least_low"] == str(expected.get("at_least_low", ""))
        assert row["frames"] == str(expected.get("frames", ""))
        assert None not in row


@pytest.mark.parametrize("make", [Csv, lambda stream: Table(stream, 8)])
def test_nothing_but_errors(make: Callable[[TextIO], Output]) -> None:
    text = written(make, [BAD, BAD])
    assert text.count("image_not_found") == 2
    assert text.startswith("file")


@pytest.mark.parametrize("make", [Csv, JsonLines, lambda stream: Table(stream, 8)])
def test_no_rows_no_text(make: Callable[[TextIO], Output]) -> None:
    assert written(make, []) == ""


def test_rows_are_written_at_once() -> None:
    stream = io.StringIO()
    output = Csv(stream)
    output.write(GOOD)
    output.write(BAD)
    assert stream.getvalue().count("\n") == 4  # the header, and a line break within a name


def test_table_has_one_line_for_each_row() -> None:
    lines = written(lambda stream: Table(stream, 10), [GOOD, BAD, ANIMATED]).splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["file", "level", "decision", ">=", "low", "ms"]
    assert lines[1].split() == ["good.jpg", "neutral", "allow", "0.100", "123"]
    assert lines[2].startswith(r"bad\n\r.jpg")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("写真 é.jpg", "写真 é.jpg"),
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\tb", r"a\tb"),
        ("\udcff", r"\udcff"),
        ("\u202e", r"\u202e"),
    ],
)
def test_printable(name: str, shown: str) -> None:
    assert printable(name) == shown
