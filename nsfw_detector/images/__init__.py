"""From an encoded image to upright 8-bit RGB frames, or a typed error.

The way of an image, one module each: `formats` tells the format by content and opens it, `limits`
refuses what is too large before it is decoded, `frames` picks the frames of an animation, `color`
turns every pixel format into RGB as a person would see it, and `orientation` turns it upright.
"""

from nsfw_detector.images.decode import DecodedImage, decode, from_array, from_image
from nsfw_detector.images.frames import Frame, frame_indices
from nsfw_detector.images.limits import ImageLimits

__all__ = [
    "DecodedImage",
    "Frame",
    "ImageLimits",
    "decode",
    "frame_indices",
    "from_array",
    "from_image",
]
