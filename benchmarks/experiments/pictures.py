"""The pictures that the experiments judge by: drawn, or a folder's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from nsfw_detector.errors import DetectorError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.settings import Settings
from scripts.demo_images import example

Picture: TypeAlias = tuple[Image.Image, int | None]
"""An RGB image, and its true level where that is known."""

SEED = 30_000_000
"""Of the pictures drawn; neither the training's nor that of the model card's."""


def draw_pictures(count: int) -> Iterator[Picture]:
    """Draw pictures whose level is known."""
    for index in range(count):
        drawn = example(SEED, index)
        yield drawn.image, drawn.level


def read_pictures(folder: Path, count: int) -> Iterator[Picture]:
    """Decode a folder's images in an order that has nothing to do with their names."""
    defaults = Settings()
    limits = ImageLimits(defaults.max_image_bytes, defaults.max_image_pixels, max_frames=1)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    random.Random(SEED).shuffle(paths)  # so that both halves are alike
    for path in paths[:count]:
        try:
            yield decode(path.read_bytes(), limits).frames[0].image, None
        except DetectorError:
            continue
