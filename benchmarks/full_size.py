"""The checkpoint that speed is measured with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.random_checkpoint import FREEPIK_CONFIG, write_checkpoint

HELP = "default: random weights of full size"


@contextmanager
def full_size(checkpoint: Path | None) -> Iterator[Path]:
    """Give the checkpoint that was named, else one with random weights, for as long as it lasts."""
    if checkpoint is not None:
        yield checkpoint
        return
    with tempfile.TemporaryDirectory() as folder:
        yield write_checkpoint(Path(folder), FREEPIK_CONFIG)
