"""Textures in the manner of skies, walls, cloth, skin and leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scripts.demo_images.colors import clip_color, pick_color
from scripts.demo_images.shapes import Size, pick_box, to_image

_TEXTURE_SIDE = 96
"""Textures are drawn at most this large and scaled up, which keeps large pictures quick."""


def draw_texture(rng: Generator, size: Size) -> Image.Image:
    """Fill a picture with a texture in the manner of a sky, a wall, cloth, skin or leaves."""
    scale = min(1.0, _TEXTURE_SIDE / max(size))
    small = (max(8, round(size[0] * scale)), max(8, round(size[1] * scale)))
    painter = _TEXTURES[rng.choice(len(_TEXTURES), p=_TEXTURE_WEIGHTS)]
    return painter(rng, small).resize(size, Image.Resampling.BICUBIC)


def _flat(rng: Generator, size: Size) -> Image.Image:
    return Image.new("RGB", size, pick_color(rng))


def _gradient(rng: Generator, size: Size) -> Image.Image:
    """Blend two to four colours in random corners."""
    corners = np.array(
        [[pick_color(rng), pick_color(rng)], [pick_color(rng), pick_color(rng)]], np.uint8
    )
    if rng.random() < 0.5:
        corners[:, 1] = corners[:, 0]
    return Image.fromarray(corners).resize(size, Image.Resampling.BILINEAR)


def _cloud(rng: Generator, size: Size) -> Image.Image:
    """Paint noise with the falling spectrum of photographs around a colour.

    Light varies more than colour does, as in most photographs.
    """
    light, first, second = (noise(rng, size, float(rng.uniform(0.8, 2.2))) for _ in range(3))
    contrast, tint = float(rng.uniform(10, 60)), float(rng.uniform(0, 40))
    red, green, blue = (rng.normal(size=3) for _ in range(3))
    channels = [
        contrast * light + tint * (c[0] * first + c[1] * second) / 2 for c in (red, green, blue)
    ]
    return to_image(np.stack(channels, axis=-1) + np.array(pick_color(rng)))


def _stripes(rng: Generator, size: Size) -> Image.Image:
    """Weave stripes of two colours in one or two directions."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    wave = np.zeros((height, width))
    for _ in range(rng.integers(1, 3)):
        angle, period = float(rng.uniform(0, np.pi)), float(rng.uniform(4, 50))
        wave += np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
    if rng.random() < 0.5:
        wave = np.sign(wave)
    share = (np.clip(wave, -1, 1)[..., None] + 1) / 2
    return to_image(share * np.array(pick_color(rng)) + (1 - share) * np.array(pick_color(rng)))


def _tiles(rng: Generator, size: Size) -> Image.Image:
    """Lay rows of tiles: a checkerboard, a wall, or a mosaic of many colours."""
    columns, rows = (int(n) for n in rng.integers(2, 14, 2))
    if rng.random() < 0.4:
        pair = np.array([pick_color(rng), pick_color(rng)], np.uint8)
        cells = pair[np.indices((rows, columns)).sum(0) % 2]
    else:
        spread = rng.normal(0, rng.uniform(5, 60), (rows, columns, 3))
        cells = np.clip(np.array(pick_color(rng)) + spread, 0, 255).astype(np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.NEAREST)


def _leaves(rng: Generator, size: Size) -> Image.Image:
    """Heap up small shapes of related colours: leaves, pebbles, petals, a crowd."""
    picture = _cloud(rng, size)
    pen = ImageDraw.Draw(picture)
    base = np.array(pick_color(rng))
    largest = float(rng.uniform(0.05, 0.3))
    for _ in range(rng.integers(15, 90)):
        color = clip_color(base + rng.normal(0, 30) + rng.normal(0, 10, 3))
        box = pick_box(rng, size, 0.02, largest)
        if rng.random() < 0.7:
            pen.ellipse(box, fill=color)
        else:
            pen.polygon([(box[0], box[1]), (box[2], box[3]), (box[0], box[3])], fill=color)
    return picture


def _body(rng: Generator, size: Size) -> Image.Image:
    """Shade a round thing as light from one side does."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    centre_x, centre_y = rng.uniform(0, 1, 2) * size
    reach = float(rng.uniform(0.3, 1.2)) * max(size)
    share = np.clip(np.hypot(x - centre_x, y - centre_y) / reach, 0, 1)[..., None]
    lit, dark = np.array(pick_color(rng)), np.array(pick_color(rng)) * 0.4
    grain = noise(rng, size, 1.0)[..., None] * float(rng.uniform(0, 12))
    return to_image((1 - share) * lit + share * dark + grain)


_TEXTURES: tuple[Callable[[Generator, Size], Image.Image], ...] = (
    _cloud,
    _leaves,
    _body,
    _gradient,
    _stripes,
    _tiles,
    _flat,
)
_TEXTURE_WEIGHTS = (0.3, 0.2, 0.15, 0.1, 0.1, 0.1, 0.05)


def noise(rng: Generator, size: Size, exponent: float) -> NDArray[np.float64]:
    """Noise of unit variance whose amplitude falls with frequency to the power of `exponent`."""
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width) * width)
    frequency[0, 0] = 1
    phase = np.exp(2j * np.pi * rng.random(frequency.shape))
    amplitude = frequency**-exponent
    amplitude[0, 0] = 0
    noise = np.fft.irfft2(amplitude * phase, s=(height, width))
    return np.asarray(noise / noise.std())
