"""Models and environments that a deployment's file describes itself, instead of naming them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.azure.checks.upload import uploaded_files
from scripts.azure.files import content_sha256

PATHS = ("path", "conda_file")
"""Fields that lead to files."""


def by_content(described: Any, folder: Path) -> Any:
    """A description with digests in the place of paths: the same wherever the same files are.

    What the SDK makes of it has absolute paths in it, and for a model with a name not its content.

    Args:
        described: What the file has as `model` or `environment`.
        folder: What its paths are relative to.
    """
    if not isinstance(described, dict):
        return described
    return {
        name: _digest(folder / value)
        if name in PATHS and isinstance(value, str) and (folder / value).exists()
        else by_content(value, folder)
        for name, value in described.items()
    }


def _digest(path: Path) -> str:
    """SHA-256 over what would be uploaded."""
    if path.is_dir():
        return content_sha256(path, uploaded_files(path))
    return content_sha256(path.parent, [path.name])
