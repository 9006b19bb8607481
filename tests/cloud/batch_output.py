"""The output of a batch job: a mounted folder whose files appear in the blob store."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.cloud.storage import Storage


class Output:
    """A folder that is uploaded as it grows.

    Args:
        storage: The blob store.
        uri: Where in it.
        folder: Made here.
    """

    def __init__(self, storage: Storage, uri: str, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._storage = storage
        self._uri = uri
        self._uploaded: dict[str, int] = {}
        self._lock = threading.Lock()

    def upload(self) -> None:
        """Upload what is new or has changed."""
        with self._lock:
            for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
                name = path.relative_to(self.folder).as_posix()
                try:
                    changed, content = path.stat().st_mtime_ns, path.read_bytes()
                except FileNotFoundError:  # a temporary file of a worker
                    continue
                if not path.name.startswith(".") and self._uploaded.get(name) != changed:
                    self._storage.upload(f"{self._uri}/{name}", content)
                    self._uploaded[name] = changed

    def write(self, name: str, content: bytes) -> None:
        """Add a file of the service's own."""
        self._storage.upload(f"{self._uri}/{name}", content)
