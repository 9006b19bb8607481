from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nsfw_detector import Detector
from nsfw_detector.images import ImageLimits, decode
from scripts.azure.scoring.shrink import SIDE, SMALL, WORTH_IT, shrink

LIMITS = ImageLimits(10**9, 10**8, 3)


@cache
def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Something with detail at all scales, of which no file is small."""
    rng = np.random.default_rng(seed)
    page = np.zeros((height, width, 3))
    for scale in (1, 4, 16, 64, 256):
        coarse = rng.normal(0, 8 * scale**0.4, (height // scale + 2, width // scale + 2, 3))
        noise = np.kron(coarse, np.ones((scale, scale, 1)))
        page += noise[:height, :width]
    return Image.fromarray(np.clip(page + 128, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def at_448(data: bytes) -> np.ndarray:
    [frame] = decode(data, LIMITS).frames
    resized = frame.image.resize((448, 448), Image.Resampling.BICUBIC)
    return np.asarray(resized, dtype=float)


@pytest.mark.parametrize("size", [(2400, 1800), (1800, 2400), (5000, 1200)])
def test_large_photo(size: tuple[int, int]) -> None:
    data = encoded(photo(*size), quality=92)
    sent = shrink(data)
    picture = decode(sent.data, LIMITS)
    assert min(picture.width, picture.height) == SIDE
    assert picture.width / picture.height == pytest.approx(size[0] / size[1], rel=0.002)
    assert sent.size == size
    assert len(sent.data) <= WORTH_IT * len(data)
    assert np.abs(at_448(data) - at_448(sent.data)).mean() < 1.5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_on_its_side(orientation: int) -> None:
    picture = photo(2400, 1600).copy()
    picture.paste("red", (0, 0, 1200, 800))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture, exif=exif, quality=92)
    sent = shrink(data)
    assert sent.size == ((2400, 1600) if orientation < 5 else (1600, 2400))
    assert "exif" not in Image.open(io.BytesIO(sent.data)).info
    assert np.abs(at_448(data) - at_448(sent.data)).mean() < 1.5


@pytest.mark.parametrize(
    "format", [pytest.param("PNG"), pytest.param("BMP"), pytest.param("TIFF"), pytest.param("WEBP")]
)
def test_other_formats(format: str) -> None:
    data = encoded(photo(1800, 1400), format, **({"quality": 95} if format == "WEBP" else {}))
    sent = shrink(data)
    assert sent.size == (1800, 1400)
    assert np.abs(at_448(data) - at_448(sent.data)).mean() < 1.5


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "I;16"])
def test_other_modes(mode: str) -> None:
    picture = photo(2000, 1600)
    if mode == "I;16":
        grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
        data = encoded(Image.fromarray(grey), "PNG")
    else:
        data = encoded(picture.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    sent = shrink(data)
    assert sent.size == (2000, 1600)
    assert np.abs(at_448(data) - at_448(sent.data)).mean() < 1.5


def sent_as_they_are() -> dict[str, bytes]:
    big = photo(2000, 1500)
    transparent = big.copy()
    transparent.putalpha(Image.linear_gradient("L").resize(big.size))
    frames = [photo(1000, 1000, seed) for seed in range(3)]
    whole = encoded(big, quality=92)
    return {
        "small file": encoded(photo(400, 400)),
        "small picture": encoded(photo(800, 800), "PNG"),
        "one short side": encoded(photo(8000, SIDE), quality=95),
        "animation": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "transparency": encoded(transparent, "PNG"),
        "cut off": whole[: len(whole) // 2],
        "no image": bytes(SMALL + 1),
        "empty": b"",
        "nothing to gain": encoded(photo(1000, 1000), quality=30).ljust(SMALL + 1, b"\0"),
    }


@pytest.mark.parametrize(("name", "data"), sent_as_they_are().items())
def test_sent_as_it_is(name: str, data: bytes) -> None:
    assert len(data) >= SMALL or name in ("small file", "empty")
    sent = shrink(data)
    assert sent.data is data
    assert sent.size is None


def test_opaque_alpha_is_no_transparency() -> None:
    picture = photo(2000, 1500).convert("RGBA")
    assert shrink(encoded(picture, "PNG")).size == (2000, 1500)


def test_scores_stay(demo_detector: Detector, photos: list[Path]) -> None:
    for path in (p for p in photos if p.name.startswith("demo")):
        large = Image.open(path).convert("RGB").resize((2400, 1800), Image.Resampling.BICUBIC)
        data = encoded(Image.blend(large, photo(2400, 1800), 0.15), quality=92)
        sent = shrink(data)
        assert sent.size
        [before, after] = demo_detector.detect([data, sent.data])
        assert before.level == after.level  # type: ignore[union-attr]
        for label, value in before.scores.items():  # type: ignore[union-attr]
            assert after.scores[label] == pytest.approx(value, abs=0.02)  # type: ignore[union-attr]
