"""What a run of scripts.score_folder has found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Rows = dict[str, dict[str, Any]]


def paths_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def rows(out: Path) -> Rows:
    """The rows without what differs from run to run; fails if a path has two."""
    found: Rows = {}
    for part in out.glob("*.parquet"):
        for row in pq.read_table(part).to_pylist():
            assert row["path"] not in found
            assert row.pop("milliseconds") > 0
            found[row["path"]] = row
    return found
