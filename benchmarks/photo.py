"""Opens image files for the contenders that do not do so themselves."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps


def open_rgb(path: Path) -> Image.Image:
    """An image as a person sees it, in RGB: what the transformers pipeline does with a path.

    Without it a photograph that lies on its side would be another image, and the drift from the
    pipeline would tell of that and not of arithmetic.
    """
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert("RGB")
