"""Scale pictures down before they are sent: an endpoint carries about 5 MB/s, whatever its SKU.

The model sees 448 x 448 pixels. What is sent has at least twice that on each side, so the
endpoint's own filter still averages over enough pixels, and neither the proportions nor any other
part of the transform is taken out of the endpoint's hands. docs/invoke.md has what it saves and how
little it changes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from nsfw_detector.errors import ImageError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.settings import MIB, Settings

SIDE = 896
"""Twice the model's input: the shorter side of what is sent."""

QUALITY = 90
"""With colour at full resolution. Half resolution (4:2:0) changes more than all else together."""

SMALL = 300_000
"""Files of fewer bytes are sent as they are, unopened."""

WORTH_IT = 0.8
"""A smaller picture is sent only if it has at most this share of the file's bytes."""

LIMITS = ImageLimits(
    max_bytes=100 * MIB,
    max_pixels=Settings.model_fields["max_image_pixels"].default,
    max_frames=1,
)


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What to send.

    Attributes:
        data: An encoded image.
        size: Upright width and height of the original; None if `data` is the original, about which
            the endpoint will tell.
    """

    data: bytes
    size: tuple[int, int] | None


def shrink(data: bytes) -> Shrunk:
    """Scale an encoded image down, where that saves much.

    Animations and pictures with transparency are sent as they are, since the endpoint looks at
    several views of them; so is what cannot be decoded, since the endpoint says what is wrong.
    """
    original = Shrunk(data, None)
    if len(data) < SMALL:
        return original
    try:
        # Beyond twice what is kept, decoding a JPEG at full size gains nothing.
        decoded = decode(data, LIMITS, enough=(2 * SIDE, 2 * SIDE))
    except ImageError:
        return original
    picture = decoded.frames[0].image
    if decoded.n_frames > 1 or len(decoded.frames) > 1 or min(picture.size) <= SIDE:
        return original
    scale = SIDE / min(picture.size)
    size = round(picture.width * scale), round(picture.height * scale)
    file = io.BytesIO()
    # Written anew and upright, it has no EXIF data, colour profile or location of the original.
    picture.resize(size, Image.Resampling.LANCZOS).save(
        file, "JPEG", quality=QUALITY, subsampling="4:4:4", optimize=True
    )
    if file.tell() > WORTH_IT * len(data):
        return original
    return Shrunk(file.getvalue(), (decoded.width, decoded.height))
