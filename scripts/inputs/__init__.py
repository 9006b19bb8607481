"""Where the files to score come from: a local folder, or blob storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from nsfw_detector.batch import Item
from scripts.errors import OperatorError
from scripts.inputs.folder import Folder


class Input(Protocol):
    """Files to score."""

    @property
    def name(self) -> str:
        """Says which files, without any secret."""

    @property
    def read_ahead(self) -> int:
        """Files to fetch ahead of those that keep the engine busy."""

    @property
    def unlisted(self) -> int:
        """Folders that could not be listed so far, so that files are missing."""

    def items(self) -> Iterator[Item]:
        """List the files, one by one as they are asked for; each under its path in the input."""


def open_input(text: str, leave_out: Path) -> Input:
    """Find out what kind of input it is.

    Args:
        text: A folder or an address, as the person gave it.
        leave_out: Folder of results, which is no input even if it is inside.

    Raises:
        OperatorError: It is neither, or cannot be listed.
    """
    if "://" in text:
        from scripts.inputs.blobs.container import open_blobs  # not all have the SDK

        return open_blobs(text)
    folder = Path(text)
    if not folder.is_dir():
        raise OperatorError(
            f"{text} is no folder.",
            "Give a folder, https://<account>.blob.core.windows.net/<container>/<folder>, or "
            "abfss://<container>@<account>.dfs.core.windows.net/<folder>.",
        )
    return Folder(folder, leave_out)
