"""Image files for the tests, made in memory."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from nsfw_detector.images import ImageLimits

LIMITS = ImageLimits(max_bytes=20 * 2**20, max_pixels=50_000_000, max_frames=3)

# How to save so that `picture()` comes back nearly as it was.
FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "GIF": {},
    "WEBP": {"lossless": True},
    "BMP": {},
    "TIFF": {},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
}
ANIMATED = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
COLORS = ["red", "lime", "blue", "yellow", "cyan", "magenta", "white", "black", "gray", "orange"]


def picture(width: int = 48, height: int = 32) -> Image.Image:
    """Gradients that tell every corner from the others, in few enough colours for a GIF."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = x * 15 // max(width - 1, 1) * 17, y * 15 // max(height - 1, 1) * 17
    return Image.fromarray(np.stack([red, green, np.full_like(red, 64)], axis=2).astype(np.uint8))


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def animation(format: str, colors: list[str], size: tuple[int, int] = (16, 16)) -> bytes:
    first, *rest = (Image.new("RGB", size, color) for color in colors)
    options = {"lossless": True} if format == "WEBP" else {}
    return encode(first, format, save_all=True, append_images=rest, **options)


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference in grey levels."""
    assert a.size == b.size
    return float(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).mean())


def png_chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(
    size: tuple[int, int], depth: int, color_type: int, rows: bytes, *chunks: tuple[bytes, bytes]
) -> bytes:
    """A PNG from its rows (each with its filter byte) and chunks to go before the pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, color_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def gif(size: tuple[int, int], frames: int) -> bytes:
    """A GIF of one-pixel frames, 16 bytes each."""
    palette = b"\x80\0\0" + bytes([0, 0, 0, 255, 255, 255])
    frame = b"," + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0" + b"\x02\x02\x4c\x01\0"
    return b"GIF89a" + struct.pack("<HH", *size) + palette + frame * frames + b";"


def webp_animation(size: tuple[int, int]) -> bytes:
    """A WebP of 90 bytes: a canvas of that size with one frame of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    def uint24(value: int) -> bytes:
        return struct.pack("<I", value)[:3]

    pixel = encode(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    canvas = chunk(b"VP8X", b"\x12\0\0\0" + uint24(size[0] - 1) + uint24(size[1] - 1))
    frame = chunk(b"ANMF", uint24(0) * 4 + uint24(100) + b"\0" + pixel)
    body = b"WEBP" + canvas + chunk(b"ANIM", bytes(6)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_page(offset: int, next_page: int, tags: list[tuple[int, int, int]]) -> bytes:
    """One directory of a TIFF; each tag is (number, type, value), one value each."""
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", next_page)


def bmp_with_alpha(rgba: Image.Image) -> bytes:
    """A BMP with a version 4 header, the first one that can declare alpha."""
    pixels = rgba.transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGRA")
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHII16x", 108, *rgba.size, 1, 32, 3, len(pixels))
    header += struct.pack("<4I", *masks)
    start = struct.pack("<2sIHHI", b"BM", 14 + 108 + len(pixels), 0, 0, 14 + 108)
    return start + header.ljust(108, b"\0") + pixels
