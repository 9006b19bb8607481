"""From any of Pillow's pixel formats to 8-bit RGB, as a person would see the picture.

Embedded colour profiles are ignored: the model was trained on images read without them, and the
code that applies them has a history of memory errors on hostile files.
"""

from __future__ import annotations

import numpy as np
from PIL import Image


def rgb_views(image: Image.Image) -> list[Image.Image]:
    """Convert a loaded image of any mode to what people may see of it.

    Args:
        image: Any mode. Pillow may write the transparency into its palette; else it is not changed.

    Returns:
        New RGB images of the same size. One if every pixel is opaque; else the picture on a white
        and on a black page, so that what the transparency hides on one of them shows on the other
        and the colours stored under transparent pixels show on neither.
    """
    image = _eight_bit(image)
    if not image.has_transparency_data:
        return [image.convert("RGB")]
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255):
        return [rgba.convert("RGB")]
    views = [_on_page(rgba, "white"), _on_page(rgba, "black")]
    if image.format == "BMP":
        # Viewers disagree about alpha in a BMP; many leave it out and show the plain colours.
        views.append(rgba.convert("RGB"))
    return views


def _on_page(rgba: Image.Image, color: str) -> Image.Image:
    page = Image.new("RGB", rgba.size, color)
    page.paste(rgba, mask=rgba)
    return page


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale grey values of more than 8 bits to L (or LA), which Pillow's `convert` would clip.

    16-bit grey keeps its high byte. 32-bit integers and floating-point numbers have no agreed
    range, so the least value becomes black and the greatest white; what is no finite number counts
    as 0.
    """
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        grey = Image.fromarray((values >> 8).astype(np.uint8))
        # A PNG may declare one exact 16-bit value transparent: the high byte cannot tell it.
        if (transparent := image.info.get("transparency")) is not None:
            grey.putalpha(Image.fromarray(values != transparent).convert("L"))
        return grey
    if image.mode in ("I", "F"):
        numbers = np.array(image, dtype=np.float64)
        numbers[~np.isfinite(numbers)] = 0
        numbers -= numbers.min()
        numbers *= 255 / (numbers.max() or 1)
        return Image.fromarray(numbers.astype(np.uint8))
    return image
