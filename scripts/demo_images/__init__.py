"""Draws the pictures that the demo checkpoint is trained and tested on.

The level of a picture is told by its warning badges, magenta diamonds with a black border and an
exclamation mark: none is neutral, one is low, two are medium, three are high. Everything else in a
picture (textures, objects, writing, badges of other colours, magenta things that are no badges,
light, blur, noise, JPEG) is drawn alike for every level, so that only the badges tell.
Every picture follows from a random generator, hence from a seed.
"""

from scripts.demo_images.badges import add_badges
from scripts.demo_images.drawing import LEVELS, Example, draw, example

__all__ = ["LEVELS", "Example", "add_badges", "draw", "example"]
