"""Runs scripts.invoke, and reads what it wrote."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Invoke = Callable[..., tuple[int, str, str]]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "scripts.invoke", *map(str, arguments)]


def many(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:05}.jpg").write_bytes(b"%d" % i)
    return folder
