"""The entry points: bytes, a Pillow image or an array to upright RGB frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nsfw_detector.errors import ImageEmptyError, ImageError
from nsfw_detector.images.color import rgb_views
from nsfw_detector.images.formats import open_image, pillow_errors, sniff
from nsfw_detector.images.frames import Frame, read_frames
from nsfw_detector.images.limits import ImageLimits
from nsfw_detector.images.orientation import orientation, upright, upright_size


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image ready for the transform.

    Attributes:
        frames: The pictures to score, at least one, in the order of the file; the worst counts.
        width: Width of the upright image in pixels (of the first frame).
        height: Height of the upright image in pixels (of the first frame).
        format: ``"JPEG"``, ``"PNG"``, ``"GIF"``, ``"WEBP"``, ``"BMP"``, ``"TIFF"`` or ``"AVIF"``;
            an empty string for what came as an array.
        n_frames: Frames that the file holds; 1 unless it is an animation or has several pages.
    """

    frames: list[Frame]
    width: int
    height: int
    format: str
    n_frames: int


def decode(data: bytes, limits: ImageLimits, enough: tuple[int, int] | None = None) -> DecodedImage:
    """Decode an encoded image. Safe to call from many threads at once.

    Args:
        data: A file's bytes in one of the accepted formats, told by content.
        limits: What it may cost at most; checked from the header, before anything is decoded.
        enough: (width, height) at which the frames are still large enough for what follows. A JPEG
            may then be decoded at 1/2, 1/4 or 1/8 of its size, never smaller than this: its
            coefficients allow that for a fraction of the cost.

    Raises:
        ImageEmptyError: There are no bytes.
        ImageFormatError: The bytes are in no accepted format.
        ImageTooLargeError: A limit is exceeded; the message has the numbers and the setting.
        ImageError: The format is accepted, but the file is damaged or cut off.
    """
    if not data:
        raise ImageEmptyError("The image has no bytes.")
    limits.check_bytes(len(data))
    name = sniff(data)
    with pillow_errors(name):
        image = open_image(data, name)
        size = image.size
        limits.check_pixels(size[0] * size[1])
        if enough is not None:
            image.draft(None, enough)  # other formats ignore it
        frames, n_frames = read_frames(image, limits)
        width, height = upright_size(size, orientation(image))
        return DecodedImage(frames, width, height, name, n_frames)


def from_image(image: Image.Image, limits: ImageLimits) -> DecodedImage:
    """Take a Pillow image of any mode, as it is at this moment; it is not changed.

    Of an animation only the frame at which it stands is taken: give its bytes to `decode` to have
    more of it looked at.

    Raises:
        ImageTooLargeError: It has too many pixels.
        ImageError: Its pixels cannot be loaded or converted.
    """
    name = image.format or ""
    with pillow_errors(name or "given"):
        limits.check_pixels(image.width * image.height)
        copy = image.copy()
        copy.format = image.format  # which a copy loses, and which matters for alpha
        turn = orientation(copy)
        frames = [Frame(0, upright(view, turn)) for view in rgb_views(copy)]
        width, height = upright_size(copy.size, turn)
        return DecodedImage(frames, width, height, name, n_frames=1)


def from_array(array: NDArray[np.uint8], limits: ImageLimits) -> DecodedImage:
    """Take an array as an upright image; it is not changed.

    Args:
        array: uint8 of shape (height, width) grey, (height, width, 3) RGB or (height, width, 4)
            RGBA, values 0 to 255.
        limits: Of which only the pixels matter here.

    Raises:
        ImageTooLargeError: It has too many pixels.
        ImageError: Another shape or type, or no pixels.
    """
    shape_is_image = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not shape_is_image or array.size == 0:
        raise ImageError(
            "An image given as an array must be uint8 of shape (height, width), (height, width, 3) "
            f"or (height, width, 4); this one is {array.dtype} of shape {array.shape}."
        )
    limits.check_pixels(array.shape[0] * array.shape[1])
    return from_image(Image.fromarray(array), limits)
