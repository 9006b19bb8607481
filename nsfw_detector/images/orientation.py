"""Turning a picture upright, as its EXIF data says."""

from __future__ import annotations

from PIL import ExifTags, Image

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: Image.Image) -> int:
    """Read the orientation of a loaded image, 1 (upright) to 8.

    Damaged EXIF data counts as none: viewers show such a picture as it is stored, so that is what
    has to be scored.
    """
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow's EXIF reader raises as many classes as its decoders do
        return 1
    return value if isinstance(value, int) and value in _TRANSPOSE else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn or mirror `image` from the given `orientation` to upright."""
    return image if orientation == 1 else image.transpose(_TRANSPOSE[orientation])


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Give the upright (width, height) of a picture stored as (width, height) `size`."""
    return size if orientation < 5 else size[::-1]
