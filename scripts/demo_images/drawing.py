"""A picture of a level, from the ground to the camera."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.random import Generator
from PIL import Image

from scripts.demo_images.badges import add_badges
from scripts.demo_images.camera import photograph
from scripts.demo_images.distractors import add_distractors
from scripts.demo_images.scenes import draw_scene
from scripts.demo_images.shapes import Size

LEVELS = ("neutral", "low", "medium", "high")
"""A picture of level number n has n badges."""


@dataclass(frozen=True)
class Example:
    """One picture and its level, an index into `LEVELS`."""

    image: Image.Image
    level: int


def example(seed: int, index: int, max_side: int = 280) -> Example:
    """Draw one picture of an endless sequence of all levels.

    Two fifths are neutral, the widest class; each other level has a fifth.

    Args:
        seed: Names the sequence.
        index: Number of the picture; each has its own generator, so that any process can draw any.
        max_side: The longer side is 100 to this many pixels.
    """
    rng = np.random.default_rng((seed, index))
    level = max(0, index % (len(LEVELS) + 1) - 1)
    return Example(draw(rng, level, _picture_size(rng, max_side)), level)


def draw(rng: Generator, level: int, size: Size) -> Image.Image:
    """Draw one RGB picture.

    Args:
        rng: Decides everything about the picture but its level and size.
        level: Index into `LEVELS`.
        size: Width and height in pixels.
    """
    picture = draw_scene(rng, size)
    add_distractors(rng, picture)
    add_badges(rng, picture, level)
    return photograph(rng, picture)


def _picture_size(rng: Generator, max_side: int) -> Size:
    """Draw a size whose aspect ratio is at most that of a mobile phone's screen."""
    longer = float(np.exp(rng.uniform(log(100), log(max_side))))
    shorter = longer / float(np.exp(rng.uniform(0, log(2.2))))
    size = (round(longer), round(shorter))
    return size if rng.random() < 0.5 else size[::-1]
