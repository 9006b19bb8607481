"""The path of a file below the folder that a job was given, as text for a table.

Linux allows any bytes in names, a table UTF-8 only. A path that is not UTF-8 is written as
``bytes://`` and its bytes, percent-encoded. No other path begins so; `file_path` reverses it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

ESCAPED = "bytes://"
# Azure ML mounts an input `images` at .../cap/data-capability/wd/INPUT_images; what a job gets to
# see are full paths, which differ from node to node.
MOUNT = re.compile(r"^.*?/cap/data-capability/wd/[^/]+/")


def relative_path(path: str | os.PathLike[str], root: Path | None = None) -> str:
    """Name a file the same on every node, sub-folders included.

    Args:
        path: As the job gives it.
        root: The folder that was given as input, where it is known.

    Returns:
        The path below `root`, or else below the mounted input, with forward slashes; a path that
        is below neither stays as it is. What is not UTF-8 is escaped, see `path_text`.
    """
    text = os.fspath(path)
    if root is not None:
        try:
            return path_text(Path(os.path.abspath(text)).relative_to(root.absolute()).as_posix())
        except ValueError:
            pass
    return path_text(MOUNT.sub("", text, count=1))


def path_text(path: str) -> str:
    """Write a path so that a table can hold it; what is UTF-8 stays as it is."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return ESCAPED + quote(os.fsencode(path))
    return path


def file_path(text: str) -> str:
    """Give back the path that `path_text` wrote, to open the file."""
    if text.startswith(ESCAPED):
        return os.fsdecode(unquote_to_bytes(text.removeprefix(ESCAPED)))
    return text
