"""Small files that would cost gigabytes or minutes: refused, and without decoding them."""

from __future__ import annotations

import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from nsfw_detector.errors import ImageError, ImageTooLargeError
from nsfw_detector.images import ImageLimits, decode
from tests.images.files import (
    LIMITS,
    animation,
    encode,
    gif,
    picture,
    png,
    tiff_page,
    webp_animation,
)

LONG, SHORT = 4, 3
GREY_PAGE = [(256, LONG, 8), (257, LONG, 8), (258, SHORT, 8), (262, SHORT, 1), (273, LONG, 8)]


@pytest.fixture
def no_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise AssertionError("was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)


@pytest.mark.usefixtures("no_decoding")
class TestPixels:
    def test_numbers_and_setting_are_named(self) -> None:
        limits = ImageLimits(max_bytes=10_000, max_pixels=1535, max_frames=1)

        with pytest.raises(ImageTooLargeError, match=r"1536 pixels.*1535.*MAX_IMAGE_PIXELS"):
            decode(encode(picture(), "PNG"), limits)

    def test_png_of_88_megapixels_in_86_kilobytes(self) -> None:
        data = png((8000, 11000), 1, 0, bytes(1001) * 11000)
        assert len(data) < 100_000

        with pytest.raises(ImageTooLargeError, match="88000000 pixels"):
            decode(data, LIMITS)

    def test_beyond_the_decoders_own_limit(self) -> None:
        with pytest.raises(ImageTooLargeError, match="900000000 pixels"):
            decode(png((30000, 30000), 1, 0, b""), LIMITS)
        with pytest.raises(ImageTooLargeError, match="pixels"):
            decode(webp_animation((16384, 16384)), LIMITS)

    def test_webp_canvas_of_16_megapixels_in_90_bytes(self) -> None:
        limits = ImageLimits(max_bytes=10_000, max_pixels=15_999_999, max_frames=3)

        with pytest.raises(ImageTooLargeError, match="16000000 pixels"):
            decode(webp_animation((4000, 4000)), limits)

    def test_tiff_tile_larger_than_its_image(self) -> None:
        tags = [
            *((256, LONG, 16), (257, LONG, 16), (258, SHORT, 8), (259, SHORT, 8), (262, SHORT, 1)),
            *((322, LONG, 20000), (323, LONG, 20000), (324, LONG, 200), (325, LONG, 99)),
        ]
        data = b"II*\0\x08\0\0\0" + tiff_page(8, 0, tags)

        with pytest.raises(ImageTooLargeError, match="400000000 pixels"):
            decode(data.ljust(200, b"\0") + zlib.compress(bytes(9)), LIMITS)

    def test_jpeg_of_a_thousand_scans(self) -> None:
        data = encode(picture(), "JPEG", progressive=True)
        last_scan = data[data.rindex(b"\xff\xda") : -2]

        with pytest.raises(ImageTooLargeError, match="scans"):
            decode(data[:-2] + last_scan * 1000 + data[-2:], LIMITS)


def test_a_photo_with_a_film_behind_it_has_not_too_many_scans() -> None:
    film = np.random.default_rng(0).bytes(10 * 2**20)
    data = encode(picture(), "JPEG", progressive=True) + film

    assert data.count(b"\xff\xda") > 100
    assert decode(data, LIMITS).format == "JPEG"


def test_frames_scored_count_together() -> None:
    data = animation("WEBP", ["red", "lime", "blue", "white"])

    assert decode(data, ImageLimits(10_000, 3 * 256, 3)).frames
    with pytest.raises(ImageTooLargeError, match=f"{3 * 256} pixels"):
        decode(data, ImageLimits(10_000, 3 * 256 - 1, 3))


def test_a_later_page_may_be_the_large_one() -> None:
    pages = [Image.new("L", (100, 100))]
    data = encode(Image.new("L", (8, 8)), "TIFF", save_all=True, append_images=pages)

    with pytest.raises(ImageTooLargeError, match="10064 pixels"):
        decode(data, ImageLimits(20_000, 10_000, 3))


def apng_that_claims_two_billion_frames() -> bytes:
    control = (b"acTL", struct.pack(">II", 2**31 - 1, 0))
    first = (b"fcTL", struct.pack(">5IHHBB", 0, 8, 8, 0, 0, 1, 10, 0, 0))
    return png((8, 8), 8, 0, bytes(72), control, first)


def tiff_of_pages(count: int) -> bytes:
    size = len(tiff_page(0, 0, GREY_PAGE))
    offsets = [8 + size * i for i in range(count)]
    return b"II*\0\x08\0\0\0" + b"".join(
        tiff_page(offset, offset + size if offset != offsets[-1] else 0, GREY_PAGE)
        for offset in offsets
    )


@pytest.mark.parametrize(
    "data",
    [gif((16, 16), 100_000), gif((3000, 3000), 1000), tiff_of_pages(100_000)],
    ids=["many frames", "large canvas", "many pages"],
)
def test_endless_animations_are_refused_in_seconds(data: bytes) -> None:
    start = time.perf_counter()

    with pytest.raises(ImageTooLargeError, match=r"frames or more.*MAX_IMAGE_PIXELS"):
        decode(data, LIMITS)
    assert time.perf_counter() - start < 15


def test_frames_that_are_only_claimed_are_not_waited_for() -> None:
    start = time.perf_counter()

    with pytest.raises(ImageError, match="damaged"):
        decode(apng_that_claims_two_billion_frames(), LIMITS)
    assert time.perf_counter() - start < 5
