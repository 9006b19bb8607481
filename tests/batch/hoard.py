"""A folder as data teams have them: photos, animations, videos, rubbish, odd names, duplicates."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

from scripts.paths import SAMPLES
from tests.batch.videos import write_video
from tests.images.files import animation, encode

FOLDERS = ("", "2026/11", "2026/11/a b", "ümlaut/日本", "-dash", "dots..", "a" * 100)
NAMES = ("{}.jpg", "{} copy.JPG", "{}", "{}.txt", "naïve {}.png", "new\nline {}.gif", "'{}'\".webp")


def write_hoard(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Fill `folder` with `count` files.

    Returns:
        Their paths, sorted.
    """
    rng = random.Random(seed)
    sources = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.[jp][pn]g"))]
    video = write_video(folder / "video.mp4", [SAMPLES / "demo-low.png"], size=(128, 96))
    film = video.read_bytes()
    video.unlink()
    written: list[Path] = []
    for number in range(count):
        path = folder / rng.choice(FOLDERS) / rng.choice(NAMES).format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_content(rng, sources, film, written))
        written.append(path)
    return sorted(written)


def _content(
    rng: random.Random, sources: list[Image.Image], film: bytes, written: list[Path]
) -> bytes:
    def photo(format: str) -> bytes:
        image = rng.choice(sources)
        side = rng.randint(32, 200)
        left, top = (rng.randint(0, max(0, length - side)) for length in image.size)
        return encode(image.crop((left, top, left + side, top + side)), format)

    kind = rng.random()
    if kind < 0.60:
        return photo(rng.choice(("JPEG", "PNG", "WEBP", "BMP", "TIFF")))
    if kind < 0.70:
        colors = rng.choices(("red", "lime", "blue"), k=rng.randint(2, 5))
        return animation(rng.choice(("GIF", "WEBP", "PNG")), colors)
    if kind < 0.80:
        data = photo("JPEG")
        return data[: rng.randint(1, len(data) - 1)]
    if kind < 0.85:
        return b""
    if kind < 0.92:
        return rng.choice((b"%PDF-1.7", b"MZ\0", b"<svg/>", b"{}", rng.randbytes(300)))
    if kind < 0.99 and written:
        return rng.choice(written).read_bytes()
    return film
