"""Things that are no warning badges, but that a careless model would take for some."""

from __future__ import annotations

from functools import cache

from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from scripts.demo_images.badges import paste_badge, places
from scripts.demo_images.colors import BADGE_HUE, pick_signal_color, rgb
from scripts.demo_images.shapes import pick_box, regular

_HUE_GAP = 0.16
"""How far on the colour circle another badge's colour stays from magenta."""


def add_distractors(rng: Generator, picture: Image.Image) -> None:
    """Add what a careless model would take for a badge."""
    for _ in range(rng.integers(0, 5)):
        _DISTRACTORS[rng.integers(len(_DISTRACTORS))](rng, picture)


def _other_badge(rng: Generator, picture: Image.Image) -> None:
    """Put up a badge of another colour."""
    hue = BADGE_HUE + float(rng.uniform(_HUE_GAP, 1 - _HUE_GAP))
    for place in places(rng, picture.size, 1):
        paste_badge(rng, picture, place, rgb(hue, 1.0, float(rng.uniform(0.5, 1.0))))


def _shape(rng: Generator, picture: Image.Image) -> None:
    """Draw a plain ellipse, rectangle, polygon or ring, one in two of them in magenta."""
    pen = ImageDraw.Draw(picture)
    color = pick_signal_color(rng)
    box = pick_box(rng, picture.size, 0.05, 0.5)
    line = max(1, round(float(rng.uniform(0.005, 0.05)) * min(picture.size)))
    kind = rng.integers(4)
    if kind == 0:
        pen.ellipse(box, fill=color)
    elif kind == 1:
        pen.rectangle(box, fill=color)
    elif kind == 2:
        pen.ellipse(box, outline=color, width=line)
    else:
        corners = complex(*box[:2]) + (box[2] - box[0]) / 2 * regular(int(rng.integers(3, 7)))
        pen.polygon([(float(c.real), float(c.imag)) for c in corners], fill=color)


def _writing(rng: Generator, picture: Image.Image) -> None:
    """Write a few letters and exclamation marks."""
    letters = "".join(rng.choice(list("ABEHKNRSX!!!?08 "), int(rng.integers(1, 9))))
    x, y, *_ = pick_box(rng, picture.size, 0.3, 0.6)
    height = int(rng.integers(4, 24))
    # Whole steps of the size let the few fonts be kept.
    font = _font(max(6, height * max(1, min(picture.size) // 100)))
    ImageDraw.Draw(picture).text((x, y), letters, fill=pick_signal_color(rng), font=font)


def _line(rng: Generator, picture: Image.Image) -> None:
    """Draw a line across: a pole, a wire, a branch."""
    ends = rng.uniform(0, 1, (2, 2)) * picture.size
    ImageDraw.Draw(picture).line(
        [(float(x), float(y)) for x, y in ends],
        fill=pick_signal_color(rng),
        width=max(1, round(float(rng.uniform(0.005, 0.05)) * min(picture.size))),
    )


_DISTRACTORS = (_other_badge, _shape, _shape, _writing, _line)


@cache
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
