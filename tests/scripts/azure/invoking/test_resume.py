from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.azure.invoking.resume import finished_files, tidy
from scripts.errors import OperatorError

GOOD = json.dumps({"file": "a\nb.jpg", "level": "low"})
OTHER = json.dumps({"file": "写真.jpg", "level": "low"})
FAILED = json.dumps({"file": "c.jpg", "error": {"code": "x", "message": "y"}})


LATER = json.dumps({"file": "c.jpg", "error": {"code": "x", "message": "later"}})
DONE = json.dumps({"file": "c.jpg", "level": "low"})


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ("", []),
        (f"{GOOD}\n{FAILED}\n{OTHER}\n", [GOOD, FAILED, OTHER]),
        (f"{GOOD}\n{OTHER[:20]}", [GOOD]),
        (f"{GOOD}\n{OTHER}", [GOOD, OTHER]),  # whole, but for its line break
        (f"{FAILED}\n", [FAILED]),
        (OTHER[:5], []),
    ],
)
def test_what_can_be_read_stays(tmp_path: Path, content: str, kept: list[str]) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(content)
    path.chmod(0o640)
    rows = [json.loads(line) for line in kept]
    assert finished_files(path) == {row["file"] for row in rows if "error" not in row}
    assert path.read_text() == "".join(line + "\n" for line in kept)
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([GOOD, FAILED, OTHER], [GOOD, FAILED, OTHER]),
        ([FAILED, GOOD, DONE], [GOOD, DONE]),
        ([FAILED, GOOD, LATER], [GOOD, LATER]),
        ([FAILED, LATER, DONE], [DONE]),
        ([GOOD, GOOD], [GOOD]),
    ],
)
def test_one_row_for_each(tmp_path: Path, lines: list[str], left: list[str]) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("".join(line + "\n" for line in lines))
    tidy(path)
    assert path.read_text() == "".join(line + "\n" for line in left)


def test_no_file_yet(tmp_path: Path) -> None:
    assert finished_files(tmp_path / "r.jsonl") == set()


@pytest.mark.parametrize(
    "content", ["file,level\na,low\n", "[1]\n{}\n", "\n\n", f"x\n{GOOD}\n", "precious"]
)
def test_other_files_are_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "precious.csv"
    path.write_text(content)
    with pytest.raises(OperatorError, match="Line 1"):
        finished_files(path)
    assert path.read_text() == content


def test_cut_within_a_character(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(GOOD.encode() + b'\n{"file": "\xe5\x86')
    assert finished_files(path) == {"a\nb.jpg"}
