"""Going on with a file of results where an earlier run stopped, or was killed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from scripts.errors import OperatorError

BEGIN = '{"file": "'
"""What every line of results begins with."""


class _Line(NamedTuple):
    text: str
    file: str
    is_error: bool


def finished_files(path: Path) -> set[str]:
    """Prepare a file of JSON lines for going on where an earlier run stopped.

    A line that was cut off is taken out of it. Errors are to be tried again; their rows stay until
    there are others in their place (`tidy`), for it may be that nothing can be tried.

    Returns:
        The inputs that have a result in it.

    Raises:
        OperatorError: It is something else than results.
    """
    if not path.exists():
        return set()
    lines = _read(path)
    if _joined(lines).encode() != path.read_bytes():
        _replace(path, _joined(lines))
    return {line.file for line in lines if not line.is_error}


def tidy(path: Path) -> None:
    """Leave one row for each input: its result, or else its latest error."""
    lines = _read(path)
    best: dict[str, _Line] = {}
    for line in lines:
        if line.file not in best or best[line.file].is_error:
            best.pop(line.file, None)  # for the new one to stand where it was written
            best[line.file] = line
    if len(best) < len(lines):
        _replace(path, _joined([*best.values()]))


def _read(path: Path) -> list[_Line]:
    """All lines, but for one at the end that was cut off."""
    found = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            found.append(_Line(line, str(row["file"]), "error" in row))
        except (ValueError, KeyError, TypeError):
            cut_off = number == len(lines) and line[: len(BEGIN)] == BEGIN[: len(line)]
            if not cut_off:
                raise OperatorError(
                    f"Line {number} of {path} is not a result of this script.",
                    "Give --out another name, or mend the file.",
                ) from None
    return found


def _joined(lines: list[_Line]) -> str:
    return "".join(f"{line.text}\n" for line in lines)


def _replace(path: Path, content: str) -> None:
    """Write a file so that it has either the old or the new content, whenever the power fails."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        os.chmod(file.name, path.stat().st_mode & 0o777)
    os.replace(file.name, path)
