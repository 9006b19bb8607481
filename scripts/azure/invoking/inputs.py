"""Which files to score: paths, folders, patterns and lists, in an order that does not change."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.errors import OperatorError
from scripts.image_files import IMAGE_SUFFIXES

STDIN = "-"
SUFFIXES = tuple(sorted((*IMAGE_SUFFIXES, ".heic")))
"""What is taken from folders: photos of phones too, whose rows say that the format is not accepted.
Files named one by one are taken whatever they are called."""


def find_inputs(names: Iterable[str], list_file: str | None = None) -> list[str]:
    """Find the files to score.

    Args:
        names: Files, folders (with all below them) and patterns (`**` for any depth); `-` is the
            image on standard input.
        list_file: A file that names more of them, one on each line, or divided by NUL bytes as
            `find -print0` writes them; `-` reads the list from standard input.

    Returns:
        Each once, folders sorted by name. Whether they can be read is not looked at. A folder or
        pattern that gives nothing stands for itself beside others: its row says so.

    Raises:
        OperatorError: There are none, or standard input would have to be both image and list.
    """
    every = [*names, *(_read_list(list_file) if list_file else [])]
    if list_file == STDIN and STDIN in every:
        raise OperatorError(
            "Standard input cannot be both an image and the list of names.",
            "Save one of them to a file, and name that.",
        )
    given = [list(_expand(name)) for name in every]
    if not any(given):
        raise OperatorError(
            f"There are no images in {', '.join(every)}." if every else "No images are named.",
            "Name files, folders or patterns. From folders, files are taken by their suffix: "
            f"{' '.join(SUFFIXES)}.",
        )
    pairs = zip(every, given, strict=True)
    return list(dict.fromkeys(path for name, paths in pairs for path in paths or [name]))


def _expand(name: str) -> Iterator[str]:
    if name != STDIN and os.path.isdir(name):
        yield from _walk(name)
    elif name == STDIN or os.path.lexists(name) or not glob.has_magic(name):
        yield name  # one that does not exist gets a row that says so
    else:
        for match in sorted(glob.iglob(name, recursive=True)):
            yield from _walk(match) if os.path.isdir(match) else [match]


def _walk(folder: str) -> Iterator[str]:
    # A folder that cannot be listed becomes an input: reading it fails, and its row says why.
    unreadable: list[str] = []
    for parent, folders, files in os.walk(
        folder, onerror=lambda error: unreadable.append(str(error.filename))
    ):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            if os.path.splitext(file)[1].lower() in SUFFIXES and not file.startswith("."):
                yield os.path.join(parent, file)
        yield from unreadable
        unreadable.clear()
    yield from unreadable


def _read_list(path: str) -> list[str]:
    try:
        content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise OperatorError(
            f"The list {path} cannot be read: {error.strerror}.", "Check --from-file."
        ) from None
    names = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(name) for name in names if name]
