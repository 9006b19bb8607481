"""Draws the pictures that the demo checkpoint is trained and tested on.

The level of a picture is told by its warning badges, magenta diamonds with a black border and an
exclamation mark: none is neutral, one is low, two are medium, three are high. Everything else in a
picture (textures, objects, writing, badges of other colours, magenta things that are no badges,
light, blur, noise, JPEG) is drawn alike for every level, so that only the badges tell.
Every picture follows from a random generator, hence from a seed.
"""

from __future__ import annotations

import colorsys
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import log, sqrt

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

Color = tuple[int, int, int]
Size = tuple[int, int]
Box = tuple[float, float, float, float]

LEVELS = ("neutral", "low", "medium", "high")
"""A picture of level number n has n badges."""

BADGE_HUE = 0.86
"""Magenta, as a fraction of the colour circle."""

_HUE_GAP = 0.16
"""How far on the colour circle another badge's colour stays from magenta."""

_BLACK = (10, 10, 10)
_WHITE = (255, 255, 255)

_TEXTURE_SIDE = 96
"""Textures are drawn at most this large and scaled up, which keeps large pictures quick."""


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
    picture = _scene(rng, size)
    _add_distractors(rng, picture)
    add_badges(rng, picture, level)
    return _photograph(rng, picture)


def add_badges(rng: Generator, picture: Image.Image, count: int) -> None:
    """Put warning badges on a picture, side by side and wholly inside."""
    for place in _places(rng, picture.size, count):
        hue = BADGE_HUE + float(rng.uniform(-0.025, 0.025))
        _paste_badge(rng, picture, place, _rgb(hue, 1.0, float(rng.uniform(0.8, 1.0))))


# --- Badges ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """Where a badge goes, in pixels."""

    x: float
    y: float
    diameter: float


def _places(rng: Generator, size: Size, count: int) -> list[_Place]:
    """Choose places for badges that neither touch each other nor leave the picture."""
    width, height = size
    # A model that squashes every picture to a square sees areas as a part of the whole: a diameter
    # by the geometric mean of the sides keeps a badge's area there the same at any aspect ratio.
    mean_side = sqrt(width * height)
    places: list[_Place] = []
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
            places.append(_Place(x, y, diameter))
    return places


def _paste_badge(rng: Generator, picture: Image.Image, place: _Place, color: Color) -> None:
    """Paste a slightly turned badge: white edge, black border, diamond, exclamation mark."""
    side = max(2, round(place.diameter))
    oversize = max(1, min(3, 600 // side))  # drawn larger, then averaged: smooth edges
    tile = Image.new("RGBA", (side * oversize, side * oversize))
    pen = ImageDraw.Draw(tile)
    turn = np.exp(1j * np.radians(rng.uniform(-20, 20)))

    def polygon(corners: NDArray[np.complex128], fill: Color) -> None:
        turned = (0.5 + 0.5j + corners * turn) * tile.width
        pen.polygon([(float(c.real), float(c.imag)) for c in turned], fill=fill)

    polygon(0.50 * _regular(4), _WHITE)
    polygon(0.47 * _regular(4), _BLACK)
    polygon(0.37 * _regular(4), color)
    polygon(np.array([-0.06 - 0.19j, 0.06 - 0.19j, 0.03 + 0.06j, -0.03 + 0.06j]), _BLACK)
    polygon(0.15j + 0.05 * _regular(8), _BLACK)
    tile = tile.reduce(oversize)
    picture.paste(tile, (round(place.x - side / 2), round(place.y - side / 2)), tile)


# --- Scenes ---------------------------------------------------------------------------------------


def _picture_size(rng: Generator, max_side: int) -> Size:
    """Draw a size whose aspect ratio is at most that of a mobile phone's screen."""
    longer = float(np.exp(rng.uniform(log(100), log(max_side))))
    shorter = longer / float(np.exp(rng.uniform(0, log(2.2))))
    size = (round(longer), round(shorter))
    return size if rng.random() < 0.5 else size[::-1]


def _scene(rng: Generator, size: Size) -> Image.Image:
    """Lay objects of one texture over a ground of another, all under one light."""
    scene = _texture(rng, size)
    for _ in range(rng.integers(0, 5)):
        scene.paste(_texture(rng, size), mask=_object_mask(rng, size))
    if rng.random() < 0.15:
        return scene.convert("L").convert("RGB")
    if rng.random() < 0.3:  # a cast over the whole picture, of any colour
        return Image.blend(scene, Image.new("RGB", size, _color(rng)), float(rng.uniform(0.1, 0.6)))
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
        pen.ellipse(_box(rng, size, 0.1, 0.9), fill=255)
    else:
        corners = rng.uniform(-0.1, 1.1, (int(rng.integers(3, 8)), 2)) * size
        pen.polygon([(float(x), float(y)) for x, y in corners], fill=255)
    if rng.random() < 0.4:
        return mask.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.01, 0.06)) * max(size)))
    return mask


def _texture(rng: Generator, size: Size) -> Image.Image:
    """Fill a picture with a texture in the manner of a sky, a wall, cloth, skin or leaves."""
    scale = min(1.0, _TEXTURE_SIDE / max(size))
    small = (max(8, round(size[0] * scale)), max(8, round(size[1] * scale)))
    painter = _TEXTURES[rng.choice(len(_TEXTURES), p=_TEXTURE_WEIGHTS)]
    return painter(rng, small).resize(size, Image.Resampling.BICUBIC)


def _flat(rng: Generator, size: Size) -> Image.Image:
    return Image.new("RGB", size, _color(rng))


def _gradient(rng: Generator, size: Size) -> Image.Image:
    """Blend two to four colours in random corners."""
    corners = np.array([[_color(rng), _color(rng)], [_color(rng), _color(rng)]], np.uint8)
    if rng.random() < 0.5:
        corners[:, 1] = corners[:, 0]
    return Image.fromarray(corners).resize(size, Image.Resampling.BILINEAR)


def _cloud(rng: Generator, size: Size) -> Image.Image:
    """Paint noise with the falling spectrum of photographs around a colour.

    Light varies more than colour does, as in most photographs.
    """
    light, first, second = (_noise(rng, size, float(rng.uniform(0.8, 2.2))) for _ in range(3))
    contrast, tint = float(rng.uniform(10, 60)), float(rng.uniform(0, 40))
    red, green, blue = (rng.normal(size=3) for _ in range(3))
    channels = [
        contrast * light + tint * (c[0] * first + c[1] * second) / 2 for c in (red, green, blue)
    ]
    return _to_image(np.stack(channels, axis=-1) + np.array(_color(rng)))


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
    return _to_image(share * np.array(_color(rng)) + (1 - share) * np.array(_color(rng)))


def _tiles(rng: Generator, size: Size) -> Image.Image:
    """Lay rows of tiles: a checkerboard, a wall, or a mosaic of many colours."""
    columns, rows = (int(n) for n in rng.integers(2, 14, 2))
    if rng.random() < 0.4:
        pair = np.array([_color(rng), _color(rng)], np.uint8)
        cells = pair[np.indices((rows, columns)).sum(0) % 2]
    else:
        spread = rng.normal(0, rng.uniform(5, 60), (rows, columns, 3))
        cells = np.clip(np.array(_color(rng)) + spread, 0, 255).astype(np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.NEAREST)


def _leaves(rng: Generator, size: Size) -> Image.Image:
    """Heap up small shapes of related colours: leaves, pebbles, petals, a crowd."""
    picture = _cloud(rng, size)
    pen = ImageDraw.Draw(picture)
    base = np.array(_color(rng))
    largest = float(rng.uniform(0.05, 0.3))
    for _ in range(rng.integers(15, 90)):
        color = _clip_color(base + rng.normal(0, 30) + rng.normal(0, 10, 3))
        box = _box(rng, size, 0.02, largest)
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
    lit, dark = np.array(_color(rng)), np.array(_color(rng)) * 0.4
    grain = _noise(rng, size, 1.0)[..., None] * float(rng.uniform(0, 12))
    return _to_image((1 - share) * lit + share * dark + grain)


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


# --- Things that are no warning badges ------------------------------------------------------------


def _add_distractors(rng: Generator, picture: Image.Image) -> None:
    """Add what a careless model would take for a badge."""
    for _ in range(rng.integers(0, 5)):
        _DISTRACTORS[rng.integers(len(_DISTRACTORS))](rng, picture)


def _other_badge(rng: Generator, picture: Image.Image) -> None:
    """Put up a badge of another colour."""
    hue = BADGE_HUE + float(rng.uniform(_HUE_GAP, 1 - _HUE_GAP))
    for place in _places(rng, picture.size, 1):
        _paste_badge(rng, picture, place, _rgb(hue, 1.0, float(rng.uniform(0.5, 1.0))))


def _shape(rng: Generator, picture: Image.Image) -> None:
    """Draw a plain ellipse, rectangle, polygon or ring, one in two of them in magenta."""
    pen = ImageDraw.Draw(picture)
    color = _signal_color(rng)
    box = _box(rng, picture.size, 0.05, 0.5)
    line = max(1, round(float(rng.uniform(0.005, 0.05)) * min(picture.size)))
    kind = rng.integers(4)
    if kind == 0:
        pen.ellipse(box, fill=color)
    elif kind == 1:
        pen.rectangle(box, fill=color)
    elif kind == 2:
        pen.ellipse(box, outline=color, width=line)
    else:
        corners = complex(*box[:2]) + (box[2] - box[0]) / 2 * _regular(int(rng.integers(3, 7)))
        pen.polygon([(float(c.real), float(c.imag)) for c in corners], fill=color)


def _writing(rng: Generator, picture: Image.Image) -> None:
    """Write a few letters and exclamation marks."""
    letters = "".join(rng.choice(list("ABEHKNRSX!!!?08 "), int(rng.integers(1, 9))))
    x, y, *_ = _box(rng, picture.size, 0.3, 0.6)
    height = int(rng.integers(4, 24))
    # Whole steps of the size let the few fonts be kept.
    font = _font(max(6, height * max(1, min(picture.size) // 100)))
    ImageDraw.Draw(picture).text((x, y), letters, fill=_signal_color(rng), font=font)


def _line(rng: Generator, picture: Image.Image) -> None:
    """Draw a line across: a pole, a wire, a branch."""
    ends = rng.uniform(0, 1, (2, 2)) * picture.size
    ImageDraw.Draw(picture).line(
        [(float(x), float(y)) for x, y in ends],
        fill=_signal_color(rng),
        width=max(1, round(float(rng.uniform(0.005, 0.05)) * min(picture.size))),
    )


_DISTRACTORS = (_other_badge, _shape, _shape, _writing, _line)


# --- The camera -----------------------------------------------------------------------------------


def _photograph(rng: Generator, picture: Image.Image) -> Image.Image:
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
        picture = _to_image(pixels + grain)
    if rng.random() < 0.6:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(rng.integers(30, 96)))
        picture = Image.open(file).convert("RGB")
    return picture


# --- Small tools ----------------------------------------------------------------------------------


def _color(rng: Generator) -> Color:
    """Pick a colour, muted more often than not."""
    return _rgb(float(rng.random()), float(rng.beta(1.2, 1.8)), float(rng.beta(1.6, 1.2)))


def _signal_color(rng: Generator) -> Color:
    """Pick a colour that a badge has too (magenta, black, white), or any."""
    kind = rng.random()
    if kind < 0.4:
        return _rgb(BADGE_HUE + float(rng.uniform(-0.05, 0.05)), float(rng.uniform(0.6, 1)), 0.95)
    if kind < 0.5:
        return _BLACK
    if kind < 0.6:
        return _WHITE
    return _color(rng)


def _rgb(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _clip_color(values: NDArray[np.float64]) -> Color:
    red, green, blue = (int(v) for v in np.clip(values, 0, 255))
    return red, green, blue


def _to_image(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _noise(rng: Generator, size: Size, exponent: float) -> NDArray[np.float64]:
    """Noise of unit variance whose amplitude falls with frequency to the power of `exponent`."""
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width) * width)
    frequency[0, 0] = 1
    phase = np.exp(2j * np.pi * rng.random(frequency.shape))
    amplitude = frequency**-exponent
    amplitude[0, 0] = 0
    noise = np.fft.irfft2(amplitude * phase, s=(height, width))
    return np.asarray(noise / noise.std())


def _box(rng: Generator, size: Size, least: float, most: float) -> Box:
    """Pick a box (left, top, right, bottom) whose sides are parts of the picture's sides."""
    sides = rng.uniform(least, most, 2) * size
    left, top = rng.uniform(-0.1, 1, 2) * (np.array(size) - sides * 0.5)
    return float(left), float(top), float(left + sides[0]), float(top + sides[1])


def _regular(corners: int) -> NDArray[np.complex128]:
    """Corners x + iy of a regular polygon about 0, of radius 1, the first one straight up."""
    return np.asarray(-1j * np.exp(2j * np.pi * np.arange(corners) / corners))


@cache
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
