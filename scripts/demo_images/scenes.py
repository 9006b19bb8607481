"""What lies behind everything: objects of one texture on a ground of another."""

from __future__ import annotations

from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from scripts.demo_images.colors import pick_color
from scripts.demo_images.shapes import Size, pick_box
from scripts.demo_images.textures import draw_texture


def draw_scene(rng: Generator, size: Size) -> Image.Image:
    """Lay objects of one texture over a ground of another, all under one light."""
    scene = draw_texture(rng, size)
    for _ in range(rng.integers(0, 5)):
        scene.paste(draw_texture(rng, size), mask=_object_mask(rng, size))
    if rng.random() < 0.15:
        return scene.convert("L").convert("RGB")
    if rng.random() < 0.3:  # a cast over the whole picture, of any colour
        return Image.blend(
            scene, Image.new("RGB", size, pick_color(rng)), float(rng.uniform(0.1, 0.6))
        )
    return scene


def _object_mask(rng: Generator, size: Size) -> Image.Image:
    """Draw the outline of an object: a horizon, an ellipse or a polygon, sharp or soft."""
    width, height = size
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    kind = rng.integers(3)
    if kind == 0:
        left, right = (float(v) for v in rng.uniform(0.1, 0.9, 2) * height)
        pen.polygon([(0, left), (width, right), (width, height), (0, height)], fill=255)
    elif kind == 1:
        pen.ellipse(pick_box(rng, size, 0.1, 0.9), fill=255)
    else:
        corners = rng.uniform(-0.1, 1.1, (int(rng.integers(3, 8)), 2)) * size
        pen.polygon([(float(x), float(y)) for x, y in corners], fill=255)
    if rng.random() < 0.4:
        return mask.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.01, 0.06)) * max(size)))
    return mask
