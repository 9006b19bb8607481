"""The path of a file below the folder that a job was given."""

from __future__ import annotations

import os
import re
from pathlib import Path

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
        is below neither stays as it is.
    """
    text = os.fspath(path)
    if root is not None:
        try:
            return Path(os.path.abspath(text)).relative_to(root.absolute()).as_posix()
        except ValueError:
            pass
    return MOUNT.sub("", text, count=1)
