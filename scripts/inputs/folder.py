"""The files of a local folder and of the folders in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from nsfw_detector.batch import Item
from nsfw_detector.batch.paths import path_text
from nsfw_detector.errors import ImageNotFoundError
from scripts.errors import OperatorError


class Folder:
    """A local folder.

    Everything in it that is no folder is an item, hidden or not. What must not or cannot be opened
    is an item too, which fails, so that nothing goes missing in silence: pipes, sockets and devices
    (reading them may never end), links to folders (they may lead round in circles), and folders
    that cannot be listed, under their path with a slash at the end. (What is missing of the folder
    itself is only counted.)

    Args:
        root: The folder.
        leave_out: A folder, perhaps inside, whose files are no items.

    Raises:
        OperatorError: It cannot be listed, or is itself to be left out.
    """

    read_ahead = 0

    def __init__(self, root: Path, leave_out: Path) -> None:
        self.name = path_text(str(root.resolve()))
        self._root = root
        self._left_out = leave_out.stat()
        self._unlisted: set[str] = set()
        if os.path.samestat(root.stat(), self._left_out):
            raise OperatorError(
                f"{root} would be both the input and the output.", "Give another folder to --out."
            )
        try:
            os.scandir(root).close()
        except OSError as error:
            raise OperatorError(
                f"{root} cannot be listed: {error.strerror}.", "Check its permissions."
            ) from None

    @property
    def unlisted(self) -> int:
        """Folders, this one and those in it, that could not be listed, or not to their end."""
        return len(self._unlisted)

    def items(self) -> Iterator[Item]:
        """List the files, in the order of the file system: nothing is kept in memory."""
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self._root / folder) as entries:
                    for entry in entries:
                        name = folder + entry.name
                        if not entry.is_dir(follow_symlinks=False):
                            yield _item(name, entry)
                        elif not os.path.samestat(
                            entry.stat(follow_symlinks=False), self._left_out
                        ):
                            pending.append(name + "/")
                (self._root / folder).stat()  # a listing just ends where the folder is removed
            except OSError as error:
                self._unlisted.add(folder)
                what = f"The folder cannot be listed: {error.strerror}."
                if folder:
                    yield Item(path_text(folder), _failing(what))


def _item(name: str, entry: os.DirEntry[str]) -> Item:
    if not entry.is_file(follow_symlinks=False):
        try:
            mode = entry.stat().st_mode
        except OSError:
            mode = stat.S_IFREG  # a link to nowhere: opening it says so
        if stat.S_ISDIR(mode):
            return Item(path_text(name), _failing("Links to folders are not followed."))
        if not stat.S_ISREG(mode):
            return Item(path_text(name), _failing("This is a pipe, a socket or a device."))
    return Item.of_file(entry.path, path_text(name))


def _failing(message: str) -> Callable[[], BinaryIO]:
    def fail() -> BinaryIO:
        raise ImageNotFoundError(message)

    return fail
