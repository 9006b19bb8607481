"""Going on with a file of results where an earlier run stopped, or was killed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from scripts.errors import OperatorError

BEGIN = '{"file": "'
"""What every line of results begins with."""


def finished_files(path: Path) -> set[str]:
    """Prepare a file of JSON lines for going on where an earlier run stopped.

    Errors, which are to be tried again, and a line that was cut off are taken out of it.

    Returns:
        The inputs that have a result in it.

    Raises:
        OperatorError: It is something else than results.
    """
    if not path.exists():
        return set()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    kept: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if "error" not in row:
                kept.setdefault(row["file"], line.rstrip("\n") + "\n")
        except (ValueError, KeyError, TypeError):
            cut_off = number == len(lines) and line[: len(BEGIN)] == BEGIN[: len(line)]
            if not cut_off:
                raise OperatorError(
                    f"Line {number} of {path} is not a result of this script.",
                    "Give --out another name, or mend the file.",
                ) from None
    _replace(path, "".join(kept.values()))
    return set(kept)


def _replace(path: Path, content: str) -> None:
    """Write a file so that it has either the old or the new content, whenever the power fails."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        os.chmod(file.name, path.stat().st_mode & 0o777)
    os.replace(file.name, path)
