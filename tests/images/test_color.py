from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nsfw_detector.images import DecodedImage, decode, from_image
from nsfw_detector.images.color import rgb_views
from tests.images.files import (
    LIMITS,
    animation,
    bmp_with_alpha,
    difference,
    encode,
    picture,
    png,
)

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)


def colors(decoded: DecodedImage, x: int = 0, y: int = 0) -> list[object]:
    """The colour of one pixel in every view."""
    return [frame.image.getpixel((x, y)) for frame in decoded.frames]


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "RGBX", "RGBA", "RGBa"])
def test_color_modes(mode: str) -> None:
    image = picture().convert("RGBA").convert(mode) if mode == "RGBa" else picture().convert(mode)

    (view,) = rgb_views(image)

    assert view.mode == "RGB"
    assert difference(view, picture()) < 3


@pytest.mark.parametrize("mode", ["L", "LA", "La", "1", "P", "PA"])
def test_grey_and_palette_modes(mode: str) -> None:
    grey = picture().convert("L").point(lambda value: 255 if value > 99 else 0)
    image = {
        "La": lambda: grey.convert("LA").convert("La"),
        "PA": lambda: grey.convert("P").convert("PA"),
    }.get(mode, lambda: grey.convert(mode))()

    (view,) = rgb_views(image)

    assert difference(view, grey.convert("RGB")) == 0


@pytest.mark.parametrize(
    ("mode", "name"), [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("LAB", "TIFF"), ("YCbCr", "TIFF")]
)
def test_files_in_other_color_spaces(mode: str, name: str) -> None:
    options = {"quality": 98} if name == "JPEG" else {}
    decoded = decode(encode(picture().convert(mode), name, **options), LIMITS)

    assert difference(decoded.frames[0].image, picture()) < 4


class TestMoreThanEightBits:
    def test_16_bit_grey_keeps_the_high_byte(self) -> None:
        rows = b"\0" + struct.pack(">4H", 0, 300, 0x8000, 65535)

        (frame,) = decode(png((4, 1), 16, 0, rows), LIMITS).frames

        assert np.asarray(frame.image)[0, :, 0].tolist() == [0, 1, 128, 255]

    @pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N"])
    def test_16_bit_grey_in_either_byte_order(self, mode: str) -> None:
        image = Image.new(mode, (2, 1), 0x1234)

        (view,) = rgb_views(image)

        assert view.getpixel((1, 0)) == (0x12,) * 3

    def test_16_bit_colour_and_alpha(self) -> None:
        rows = b"\0" + struct.pack(">4H", 0x1234, 0x5678, 0x9ABC, 65535)

        decoded = decode(png((1, 1), 16, 6, rows), LIMITS)

        assert colors(decoded) == [(0x12, 0x56, 0x9A)]

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([0.0, 0.25, 1.0], [0, 63, 255]),
            ([-1e38, 0.0, 1e38], [0, 127, 255]),
            ([np.nan, 1.0, np.inf], [0, 255, 0]),
            ([7.0, 7.0, 7.0], [0, 0, 0]),
        ],
    )
    def test_floating_point_is_stretched(self, values: list[float], expected: list[int]) -> None:
        image = Image.fromarray(np.array([values], np.float32))

        (frame,) = decode(encode(image, "TIFF"), LIMITS).frames

        assert np.asarray(frame.image)[0, :, 0].tolist() == expected

    def test_32_bit_integers_are_stretched(self) -> None:
        image = Image.fromarray(np.array([[-(2**31), 0, 2**31 - 1]], np.int32))

        (frame,) = decode(encode(image, "TIFF"), LIMITS).frames

        assert np.asarray(frame.image)[0, :, 0].tolist() == [0, 127, 255]


class TestTransparency:
    """Pixel (0, 0) is red and invisible, pixel (1, 0) blue and visible."""

    @staticmethod
    def rgba() -> Image.Image:
        image = Image.new("RGBA", (2, 1), (*RED, 0))
        image.putpixel((1, 0), (0, 0, 255, 255))
        return image

    @pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "GIF", "AVIF"])
    def test_hidden_colours_show_on_neither_page(self, name: str) -> None:
        options: dict[str, dict[str, Any]] = {
            "WEBP": {"lossless": True, "exact": True},
            "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        }
        decoded = decode(encode(self.rgba(), name, **options.get(name, {})), LIMITS)

        assert [frame.index for frame in decoded.frames] == [0, 0]
        assert colors(decoded) == [WHITE, BLACK]
        on_white, on_black = colors(decoded, x=1)
        assert on_white == on_black

    @pytest.mark.parametrize(
        ("color_type", "depth", "row", "transparent"),
        [
            (3, 8, b"\0\0\1", b"\0"),  # palette
            (2, 8, b"\0" + bytes([*RED, 0, 0, 255]), struct.pack(">3H", *RED)),
            (0, 8, b"\0\x50\x51", struct.pack(">H", 0x50)),
            (0, 16, b"\0" + struct.pack(">2H", 0x5000, 0x5001), struct.pack(">H", 0x5000)),
            (0, 1, b"\0\x40", struct.pack(">H", 0)),
        ],
        ids=["palette", "rgb", "grey", "grey 16 bit", "one bit"],
    )
    def test_transparent_colour_of_a_png(
        self, color_type: int, depth: int, row: bytes, transparent: bytes
    ) -> None:
        palette = (b"PLTE", bytes([*RED, 0, 0, 255]))
        chunks = [(b"tRNS", transparent)]
        if color_type == 3:
            chunks.insert(0, palette)

        decoded = decode(png((2, 1), depth, color_type, row, *chunks), LIMITS)

        assert colors(decoded) == [WHITE, BLACK]
        on_white, on_black = colors(decoded, x=1)
        assert on_white == on_black

    def test_half_transparent_is_blended(self) -> None:
        decoded = from_image(Image.new("RGBA", (1, 1), (*RED, 128)), LIMITS)

        assert colors(decoded) == [(255, 127, 127), (128, 0, 0)]

    def test_premultiplied(self) -> None:
        image = Image.new("RGBA", (1, 1), (*RED, 128)).convert("RGBa")

        assert colors(from_image(image, LIMITS)) == [(255, 127, 127), (128, 0, 0)]

    @pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "AVIF"])
    def test_opaque_alpha_is_one_view(self, name: str) -> None:
        opaque = picture().convert("RGBA")

        assert len(decode(encode(opaque, name), LIMITS).frames) == 1

    def test_bmp_is_also_scored_without_its_alpha(self) -> None:
        data = bmp_with_alpha(self.rgba())

        assert colors(decode(data, LIMITS)) == [WHITE, BLACK, RED]
        assert colors(from_image(Image.open(io.BytesIO(data)), LIMITS)) == [WHITE, BLACK, RED]

    def test_every_frame_of_an_animation_has_its_views(self) -> None:
        clear = Image.new("RGBA", (8, 8), (*RED, 0))
        solid = Image.new("RGBA", (8, 8), (0, 0, 255, 255))
        data = encode(solid, "WEBP", save_all=True, append_images=[clear], lossless=True)

        decoded = decode(data, LIMITS)

        assert [frame.index for frame in decoded.frames] == [0, 1, 1]

    def test_opaque_animations_have_one_view_per_frame(self) -> None:
        assert len(decode(animation("GIF", ["red", "lime"]), LIMITS).frames) == 2
