"""Which frames of an animation are scored, and reading them with bounded work."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile

from nsfw_detector.errors import ImageError, ImageTooLargeError
from nsfw_detector.images.color import rgb_views
from nsfw_detector.images.limits import ImageLimits
from nsfw_detector.images.orientation import orientation, upright

# Most formats store a frame as the difference from the one before, so reaching the last frame
# means decoding all. That may cost as much as this many still images of the largest size ...
_WALK = 10
# ... where a frame costs at least as much as this many pixels.
_LEAST_COST = 100_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture to score.

    Attributes:
        index: Which frame of the file it is. Several pictures have the same index where the frame
            is partly transparent, one for each page colour.
        image: RGB, upright.
    """

    index: int
    image: Image.Image


def frame_indices(n: int, k: int) -> list[int]:
    """Choose `k` of `n` frames: the first, the last and evenly spaced ones between.

    Args:
        n: Frames that there are, at least 1.
        k: Most frames to choose, at least 1; of several only the first is taken if it is 1.

    Returns:
        min(n, k) distinct indices in rising order.
    """
    if n <= k:
        return list(range(n))
    return [i * (n - 1) // (k - 1) for i in range(k)] if k > 1 else [0]


def read_frames(image: ImageFile, limits: ImageLimits) -> tuple[list[Frame], int]:
    """Decode the frames to score.

    Args:
        image: Opened, positioned anywhere; it is left at the last frame read.
        limits: `max_pixels` holds for the frames returned together (whatever their page colours),
            and ten times as many for all the frames up to the last of them.

    Returns:
        The frames, at least one, and how many the file has in all.

    Raises:
        ImageTooLargeError: A limit is exceeded.
        Exception: Whatever Pillow raises for a damaged file; see `pillow_errors`.
    """
    budget = _WALK * max(limits.max_pixels, _LEAST_COST)
    n_frames = _count(image, at_most=budget // _LEAST_COST + 1)
    indices = _scored(image, n_frames, limits.max_frames)
    frames: list[Frame] = []
    kept = walked = 0
    for index in range(indices[-1] + 1):
        image.seek(index)
        # Checked at every frame: pages of a TIFF differ in size, and a GIF's canvas can grow.
        pixels = _pixels(image)
        limits.check_pixels(kept + pixels)
        walked += max(pixels, _LEAST_COST)
        if walked > budget:
            raise ImageTooLargeError(
                f"The animation has {n_frames} frames or more, too many to be decoded in "
                "reasonable time. Send a shorter or smaller one, or raise MAX_IMAGE_PIXELS."
            )
        if index in indices:
            kept += pixels
            image.load()
            turn = orientation(image)  # known only now: a PNG may have its EXIF after the pixels
            frames += [Frame(index, upright(view, turn)) for view in rgb_views(image)]
    return frames, n_frames


def _scored(image: ImageFile, n_frames: int, max_frames: int) -> list[int]:
    """Choose the frames; the still that some APNGs show in place of their animation comes extra."""
    if getattr(image, "default_image", False):
        return [0, *(1 + index for index in frame_indices(n_frames - 1, max_frames))]
    return frame_indices(n_frames, max_frames)


def _count(image: ImageFile, at_most: int) -> int:
    if not isinstance(image, TiffImageFile):
        return int(getattr(image, "n_frames", 1))
    # A TIFF's n_frames compares every page with all before it, and there may be 300,000.
    pages = 1
    with suppress(EOFError):
        while pages < at_most:
            image.seek(pages)
            pages += 1
    return pages


def _pixels(image: ImageFile) -> int:
    """Tell how many pixels are decoded at once for the current frame."""
    pixels = image.width * image.height
    if isinstance(image, TiffImageFile):
        # Tiles are decoded whole, and a picture of 16 x 16 pixels can have one of 20,000 x 20,000.
        width, height = image.tag_v2.get(TILEWIDTH, 1), image.tag_v2.get(TILELENGTH, 1)
        if not (isinstance(width, int) and isinstance(height, int)):
            raise ImageError("The TIFF image is damaged: its tiles have no valid size.")
        pixels = max(pixels, width * height)
    return pixels
