"""Parts of the table of results, written so that a part is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nsfw_detector.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa


def part_name(paths: Sequence[str]) -> str:
    """Name of the part that holds the rows of these files.

    The same files in any order give the same name, so that a mini-batch that is tried again
    overwrites what it wrote before.
    """
    digest = hashlib.sha256("\0".join(sorted(paths)).encode("utf-8", "surrogateescape"))
    return f"part-{digest.hexdigest()[:32]}.parquet"


def write_part(folder: Path, name: str, table: pa.Table) -> Path:
    """Write a part of the table.

    Args:
        folder: Where; made if it is missing.
        name: Of the part, from `part_name`.
        table: Its rows.

    Raises:
        OSError: It could not be written; nothing of it is there then.
    """
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    # The leading dot hides it from readers of the folder; two workers never share a process id on
    # a node, and nodes never share the file of one mini-batch at a time.
    staging = folder / f".{name}.{os.getpid()}.tmp"
    try:
        pq.write_table(table, staging, compression="zstd")
        staging.replace(folder / name)
    finally:
        staging.unlink(missing_ok=True)
    return folder / name


def require_pyarrow() -> None:
    """Check that parts can be written.

    Raises:
        SettingsError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise SettingsError(
            "Rows are written as Parquet, which needs pyarrow. Use the batch environment "
            "(environment/batch.yml), or: pip install -r environment/batch.lock"
        ) from None
