"""Which files are images, by their names."""

from __future__ import annotations

from pathlib import Path

from scripts.errors import OperatorError

IMAGE_SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".png", ".tif", ".tiff", ".webp"),
)
"""Of the formats that are scored."""


def find_images(folder: Path) -> list[Path]:
    """The images of a folder and below, in order.

    Raises:
        OperatorError: There is none.
    """
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise OperatorError(f"No images in {folder}.", "Name a folder with images.")
    return found
