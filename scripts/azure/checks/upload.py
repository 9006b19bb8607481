"""What the SDK would upload of a folder."""

from __future__ import annotations

import os
from itertools import takewhile
from pathlib import Path
from typing import Any

WILDCARDS = set("*?[\\")


def uploaded_files(folder: Path) -> dict[str, int]:
    """List what goes up when the SDK uploads a folder, as the SDK itself decides.

    The SDK looks at every file, in virtual environments too, which takes seconds; this passes by
    folders in which its rules leave nothing. Links that lead out of such a folder are not followed.

    Args:
        folder: Given as `code:` of a deployment, or as `path:` of a model or environment.

    Returns:
        Size in bytes of each file by its path in the folder, with forward slashes.
    """
    # Private, and the only place where the rules of .amlignore and .gitignore are: copying them
    # would be a guess at what the SDK does.
    from azure.ai.ml._utils._asset_utils import get_ignore_file, traverse_directory

    ignore = get_ignore_file(folder)
    rules = _Rules(ignore)
    files = {}
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not rules.shut_out(Path(root, name))]
        prefix = Path(root).relative_to(folder).as_posix()
        pairs: Any = traverse_directory(root, names, prefix=prefix, ignore_file=ignore)
        files.update({name: Path(source).stat().st_size for source, name in pairs})
    return dict(sorted(files.items()))


class _Rules:
    """Tells folders of which an ignore file lets nothing through.

    A folder that is ignored itself does not tell: the SDK holds every pattern against files, so
    that `*` and then `!/package/**/*.py` let the package's files through.
    """

    def __init__(self, ignore: Any) -> None:
        self._ignore = ignore
        starts = [_literal_start(line) for line in ignore._get_ignore_list()]
        self._patterns = list(zip(ignore._create_pathspec(), starts, strict=True))

    def shut_out(self, folder: Path) -> bool:
        """Whether no file in a folder, at whatever depth, would be uploaded."""
        if not self._patterns:
            return False
        # Where a link leads is what the SDK looks at.
        path = Path(os.path.relpath(folder.resolve(), self._ignore.base_path))
        is_out = False
        for pattern, start in self._patterns:
            if pattern.include:  # into what is ignored
                # What matches a folder's name with its slash matches all that is in it.
                is_out = is_out or pattern.match_file(f"{path.as_posix()}/") is not None
            elif all(a == b for a, b in zip(start, path.parts, strict=False)):
                is_out = False
        return is_out


def _literal_start(line: str) -> tuple[str, ...]:
    """The folders with which every path begins that a pattern matches; none if it may be any."""
    pattern = line.removeprefix("!").rstrip("/")
    if "/" not in pattern:
        return ()
    parts = pattern.removeprefix("/").split("/")
    return tuple(takewhile(lambda part: not WILDCARDS & set(part), parts))
