"""From an RGB image to the model's input size: timm's evaluation transform, with Pillow alone.

It ends before the division by 255 and the normalisation, which the engine does as part of its
graph. Every rounding below is the reference's own (timm.data.transforms_factory and torchvision's
Resize and CenterCrop), since one pixel of difference moves everything; the tests hold both to the
same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CropMode: TypeAlias = Literal["squash", "center", "border"]
Interpolation: TypeAlias = Literal["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"]
Size: TypeAlias = tuple[int, int]
"""(width, height), as Pillow has it."""

# For "center", a picture 65,535 pixels long and one wide would be enlarged to 40 GB and its centre
# then cut out. Beyond this aspect ratio the ends are cut off first, which leaves the centre as it
# is but for rounding; the reference runs out of memory.
_LONGEST_ASPECT = 64


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a checkpoint wants its input, from the `pretrained_cfg` of its config.json.

    Attributes:
        height: Height of the model's input in pixels.
        width: Width of the model's input in pixels.
        interpolation: Resampling filter.
        crop_mode: ``"squash"`` resizes each side by itself, ``"center"`` fits the short side and
            cuts the long one, ``"border"`` fits the long side and fills up the short one.
        crop_pct: Share of the resized image, above 0, that the crop keeps of each side.
        mean: Mean of each channel, for values in [0, 1]; also the colour of a border.
        std: Standard deviation of each channel, for values in [0, 1].
    """

    height: int
    width: int
    interpolation: Interpolation
    crop_mode: CropMode
    crop_pct: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Transform:
    """The transform that a `Preprocess` describes. Safe to call from many threads at once."""

    preprocess: Preprocess

    @property
    def enough(self) -> Size:
        """Size of a frame from which more pixels hardly change the result of the transform.

        At twice the size that the image is resized to, the filter still averages over enough
        pixels: made-up photographs came out 0.16 grey levels off on average. Sharp edges are off
        by far more: in one picture of 3000 x 1987 pixels by 1.3 on average and 36 at most.
        """
        width, height = self._target
        return 2 * width, 2 * height

    @property
    def _target(self) -> Size:
        p = self.preprocess
        return math.floor(p.width / p.crop_pct), math.floor(p.height / p.crop_pct)

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """Transform one image.

        Args:
            image: Mode RGB, any size.

        Returns:
            uint8 of shape (height, width, 3), values 0 to 255.
        """
        p = self.preprocess
        target = self._target
        fill = (0, 0, 0)
        if p.crop_mode == "squash":
            size = target
        elif p.crop_mode == "border":
            size = _keep_ratio(image.size, target, max)
            red, green, blue = (round(255 * channel) for channel in p.mean)
            fill = red, green, blue
        else:
            image = _cut_ends(image)
            size = _cover(image.size, target)
        resized = image.resize(size, Image.Resampling[p.interpolation.upper()])
        return np.array(_crop_or_pad(resized, (p.width, p.height), fill))


def _cover(size: Size, target: Size) -> Size:
    """Scale `size` so that it just covers `target`."""
    if target[0] != target[1]:
        return _keep_ratio(size, target, min)
    # The reference takes another way for squares, which rounds down.
    short, (width, height) = target[0], size
    if width <= height:
        return short, int(short * height / width)
    return int(short * width / height), short


def _keep_ratio(size: Size, target: Size, choose: Callable[[float, float], float]) -> Size:
    """Divide `size` by the larger (``max``) or smaller (``min``) of its ratios to `target`."""
    ratio = choose(size[0] / target[0], size[1] / target[1])
    return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))


def _cut_ends(image: Image.Image) -> Image.Image:
    width, height = image.size
    longest = _LONGEST_ASPECT * min(width, height)
    return _crop_or_pad(image, (min(width, longest), min(height, longest)), (0, 0, 0))


def _crop_or_pad(image: Image.Image, size: Size, fill: tuple[int, int, int]) -> Image.Image:
    """Put the centre of `image` on the centre of a canvas of that size and colour."""
    if image.size == size:
        return image

    def offset(inner: int, outer: int) -> int:
        return (outer - inner) // 2 if inner < outer else -round((inner - outer) / 2)

    canvas = Image.new("RGB", size, fill)
    canvas.paste(image, (offset(image.width, size[0]), offset(image.height, size[1])))
    return canvas
