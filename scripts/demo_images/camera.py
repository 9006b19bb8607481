"""What cameras and websites do to pictures."""

from __future__ import annotations

import io

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageFilter

from scripts.demo_images.shapes import to_image


def photograph(rng: Generator, picture: Image.Image) -> Image.Image:
    """Treat a drawing as cameras and websites treat pictures."""
    if rng.random() < 0.5:
        picture = ImageEnhance.Brightness(picture).enhance(float(rng.uniform(0.75, 1.2)))
    if rng.random() < 0.3:
        picture = ImageEnhance.Contrast(picture).enhance(float(rng.uniform(0.8, 1.2)))
    if rng.random() < 0.2:
        radius = float(rng.uniform(0.002, 0.012)) * max(picture.size)
        picture = picture.filter(ImageFilter.GaussianBlur(radius))
    if rng.random() < 0.3:
        pixels = np.asarray(picture, np.float32)
        grain = rng.standard_normal(pixels.shape, np.float32) * np.float32(rng.uniform(2, 12))
        picture = to_image(pixels + grain)
    if rng.random() < 0.6:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(rng.integers(30, 96)))
        picture = Image.open(file).convert("RGB")
    return picture
