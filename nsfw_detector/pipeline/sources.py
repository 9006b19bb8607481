"""The forms in which an image can be given."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nsfw_detector.errors import DetectorError, ImageNotFoundError
from nsfw_detector.images import DecodedImage, ImageLimits, decode, from_array, from_image

Source: TypeAlias = bytes | str | os.PathLike[str] | Image.Image | NDArray[np.uint8] | DetectorError
"""One image: encoded bytes, the path of a file, a PIL image, or a uint8 array (height, width, 3).
An error in the place of an image is passed through to the results."""

Loaded: TypeAlias = bytes | Image.Image | NDArray[np.uint8]


def load(source: Source, limits: ImageLimits) -> Loaded:
    """Bring in what the source stands for: encoded bytes wherever there are any.

    Raises:
        ImageNotFoundError: The file cannot be read.
        DetectorError: The source is an error.
    """
    if isinstance(source, DetectorError):
        raise source
    if isinstance(source, Image.Image | np.ndarray):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    try:
        with open(source, "rb") as file:
            # One byte more than allowed tells that it is too large, without reading it all.
            return file.read(limits.max_bytes + 1)
    except OSError as error:
        raise ImageNotFoundError(f"The file cannot be read: {error.strerror}.") from None


def decode_loaded(
    image: Loaded, limits: ImageLimits, enough: tuple[int, int] | None
) -> DecodedImage:
    """Decode what was loaded; the arguments are those of `images.decode`.

    Raises:
        ImageError: It cannot be decoded, or is too large.
    """
    if isinstance(image, Image.Image):
        return from_image(image, limits)
    if isinstance(image, np.ndarray):
        return from_array(image, limits)
    return decode(image, limits, enough)
