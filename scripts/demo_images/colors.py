"""Colours, and how they are picked."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Color = tuple[int, int, int]

BADGE_HUE = 0.86
"""Magenta, as a fraction of the colour circle."""
BLACK = (10, 10, 10)
WHITE = (255, 255, 255)


def pick_color(rng: Generator) -> Color:
    """Pick a colour, muted more often than not."""
    return rgb(float(rng.random()), float(rng.beta(1.2, 1.8)), float(rng.beta(1.6, 1.2)))


def pick_signal_color(rng: Generator) -> Color:
    """Pick a colour that a badge has too (magenta, black, white), or any."""
    kind = rng.random()
    if kind < 0.4:
        return rgb(BADGE_HUE + float(rng.uniform(-0.05, 0.05)), float(rng.uniform(0.6, 1)), 0.95)
    if kind < 0.5:
        return BLACK
    if kind < 0.6:
        return WHITE
    return pick_color(rng)


def rgb(hue: float, saturation: float, value: float) -> Color:
    """Make a colour of parts from 0 to 1; the hue goes around."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def clip_color(values: NDArray[np.float64]) -> Color:
    """Make a colour of three numbers, the nearest there is."""
    red, green, blue = (int(v) for v in np.clip(values, 0, 255))
    return red, green, blue
