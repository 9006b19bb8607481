from __future__ import annotations

import struct

import pytest
from PIL import Image

from nsfw_detector.images import decode
from tests.images.files import FORMATS, LIMITS, difference, encode, picture

STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
EXIF = b"Exif\0\0"


def exif_tag(tag: int, kind: int, value: bytes) -> bytes:
    return EXIF + b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI", tag, kind, 1) + value + bytes(4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_turned_upright(name: str, orientation: int) -> None:
    transpose = STORED_AS[orientation]
    stored = picture() if transpose is None else picture().transpose(transpose)
    exif = Image.Exif()
    exif[0x0112] = orientation

    decoded = decode(encode(stored, name, exif=exif, **FORMATS[name]), LIMITS)

    assert (decoded.width, decoded.height) == (48, 32)
    assert difference(decoded.frames[0].image, picture()) < 4


def test_a_compressed_tiff_is_turned_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encode(picture().rotate(180), "TIFF", exif=exif, compression="tiff_lzw")

    assert difference(decode(data, LIMITS).frames[0].image, picture()) == 0


def test_exif_after_the_pixels_of_a_png() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(picture(), "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", data[start : start + 4])[0]
    moved = data[:start] + data[end:-12] + data[start:end] + data[-12:]

    decoded = decode(moved, LIMITS)

    assert (decoded.width, decoded.height) == (32, 48)
    assert decoded.frames[0].image.size == (32, 48)


def test_every_frame_of_an_animation_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(picture(), "WEBP", save_all=True, append_images=[picture(), picture()], exif=exif)

    assert {frame.image.size for frame in decode(data, LIMITS).frames} == {(32, 48)}


@pytest.mark.parametrize(
    "exif",
    [
        EXIF,
        EXIF + b"neither II nor MM",
        EXIF + b"II*\0\xff\xff\xff\xff",
        exif_tag(0x0112, 3, bytes(4)),
        exif_tag(0x0112, 3, b"\x09\0\0\0"),
        exif_tag(0x0112, 2, b"6\0\0\0"),
        exif_tag(0x0112, 99, b"\x06\0\0\0"),
        exif_tag(0x8769, 4, b"\xff\xff\xff\x7f"),
    ],
    ids=["empty", "header", "offset", "0", "9", "text", "type", "directory"],
)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_is_no_reason_to_refuse(name: str, exif: bytes) -> None:
    decoded = decode(encode(picture(), name, exif=exif, **FORMATS[name]), LIMITS)

    assert difference(decoded.frames[0].image, picture()) < 4
