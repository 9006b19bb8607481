"""Files that go up to Azure: what identifies them, and folders of links to them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.azure.checks.upload import uploaded_files


def content_sha256(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and contents of a folder's files, in the order given."""
    total = hashlib.sha256()
    for name in names:
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


def link(source: Path, target: Path) -> None:
    """Make a hard link, and the folders that it needs; a copy where there can be no link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source = source.resolve()  # the hub's cache keeps links
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A folder of the same name that holds only what the SDK would upload of this one.

    To upload a folder the SDK walks through it five times, virtual environments included.
    """
    with tempfile.TemporaryDirectory(prefix="upload-") as place:
        stage = Path(place) / folder.name
        stage.mkdir()
        for name in uploaded_files(folder):
            link(folder / name, stage / name)
        yield stage
