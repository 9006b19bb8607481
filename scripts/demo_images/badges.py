"""Warning badges, the only thing that tells a picture's level."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scripts.demo_images.colors import BADGE_HUE, BLACK, WHITE, Color, rgb
from scripts.demo_images.shapes import Size, regular


def add_badges(rng: Generator, picture: Image.Image, count: int) -> None:
    """Put warning badges on a picture, side by side and wholly inside."""
    for place in places(rng, picture.size, count):
        hue = BADGE_HUE + float(rng.uniform(-0.025, 0.025))
        paste_badge(rng, picture, place, rgb(hue, 1.0, float(rng.uniform(0.8, 1.0))))


@dataclass(frozen=True)
class Place:
    """Where a badge goes, in pixels."""

    x: float
    y: float
    diameter: float


def places(rng: Generator, size: Size, count: int) -> list[Place]:
    """Choose places for badges that neither touch each other nor leave the picture."""
    width, height = size
    # A model that squashes every picture to a square sees areas as a part of the whole: a diameter
    # by the geometric mean of the sides keeps a badge's area there the same at any aspect ratio.
    mean_side = sqrt(width * height)
    places: list[Place] = []
    attempts = 0
    while len(places) < count:
        attempts += 1
        if attempts % 100 == 0:  # the first ones may leave no room for the others
            places.clear()
        shrink = max(0.8, 0.97**attempts)
        diameter = min(float(rng.uniform(0.24, 0.34)) * mean_side * shrink, width, height)
        x = float(rng.uniform(diameter / 2, width - diameter / 2))
        y = float(rng.uniform(diameter / 2, height - diameter / 2))
        if all(np.hypot(x - p.x, y - p.y) > 0.6 * (diameter + p.diameter) for p in places):
            places.append(Place(x, y, diameter))
    return places


def paste_badge(rng: Generator, picture: Image.Image, place: Place, color: Color) -> None:
    """Paste a slightly turned badge: white edge, black border, diamond, exclamation mark."""
    side = max(2, round(place.diameter))
    oversize = max(1, min(3, 600 // side))  # drawn larger, then averaged: smooth edges
    tile = Image.new("RGBA", (side * oversize, side * oversize))
    pen = ImageDraw.Draw(tile)
    turn = np.exp(1j * np.radians(rng.uniform(-20, 20)))

    def polygon(corners: NDArray[np.complex128], fill: Color) -> None:
        turned = (0.5 + 0.5j + corners * turn) * tile.width
        pen.polygon([(float(c.real), float(c.imag)) for c in turned], fill=fill)

    polygon(0.50 * regular(4), WHITE)
    polygon(0.47 * regular(4), BLACK)
    polygon(0.37 * regular(4), color)
    polygon(np.array([-0.06 - 0.19j, 0.06 - 0.19j, 0.03 + 0.06j, -0.03 + 0.06j]), BLACK)
    polygon(0.15j + 0.05 * regular(8), BLACK)
    tile = tile.reduce(oversize)
    picture.paste(tile, (round(place.x - side / 2), round(place.y - side / 2)), tile)
