"""Sizes, boxes and corners."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]
Box = tuple[float, float, float, float]


def pick_box(rng: Generator, size: Size, least: float, most: float) -> Box:
    """Pick a box (left, top, right, bottom) whose sides are parts of the picture's sides."""
    sides = rng.uniform(least, most, 2) * size
    left, top = rng.uniform(-0.1, 1, 2) * (np.array(size) - sides * 0.5)
    return float(left), float(top), float(left + sides[0]), float(top + sides[1])


def regular(corners: int) -> NDArray[np.complex128]:
    """Corners x + iy of a regular polygon about 0, of radius 1, the first one straight up."""
    return np.asarray(-1j * np.exp(2j * np.pi * np.arange(corners) / corners))


def to_image(pixels: NDArray[np.floating]) -> Image.Image:
    """Make a picture of pixels, (height, width, 3) from 0 to 255; what is beyond is cut."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
