"""Many images made of a few photographs, the same from run to run.

Each shows another cut-out, so that no two are the same.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks.photo import open_rgb

SEED = 0
BROKEN = 0.02
ORDINARY = 800  # longer side in pixels
# Weight, suffix, longer side in pixels: from thumbnails to photographs of 12 megapixels.
KINDS = (
    (30, ".jpg", 640),
    (25, ".jpg", 1280),
    (10, ".jpg", 2000),
    (5, ".jpg", 4000),
    (10, ".png", 512),
    (5, ".png", 1024),
    (8, ".webp", 1024),
    (3, ".gif", 320),
    (2, ".bmp", 400),
    (2, ".tiff", 800),
)
ORIENTATION = 0x0112
ASPECTS = (3 / 4, 1.0, 4 / 3, 16 / 9)


def photographs(photos: Sequence[Path], count: int) -> list[bytes]:
    """JPEGs of ordinary size, as clients send them."""
    rng = random.Random(SEED)
    sources = [open_rgb(photo) for photo in photos]
    files = [io.BytesIO() for _ in range(count)]
    for file in files:
        _cut_out(rng, rng.choice(sources), ORDINARY).save(file, "JPEG")
    return [file.getvalue() for file in files]


def make(folder: Path, photos: Sequence[Path], count: int) -> int:
    """Fill `folder` as one finds folders: many sizes and formats, photographs lying on their side.

    Some files are broken.

    Args:
        folder: Exists.
        photos: Where the cut-outs come from.
        count: Number of files.

    Returns:
        How many of the files are broken.
    """
    rng = random.Random(SEED)
    sources = [open_rgb(photo) for photo in photos]
    broken = set(rng.sample(range(count), max(1, round(BROKEN * count))))
    for index in range(count):
        (kind,) = rng.choices(KINDS, weights=[weight for weight, _, _ in KINDS])
        path = folder / f"{index:05}{kind[1]}"
        _cut_out(rng, rng.choice(sources), kind[2]).save(path, exif=_exif(rng))
        if index in broken:
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // 2])
    return len(broken)


def _cut_out(rng: random.Random, source: Image.Image, longer: int) -> Image.Image:
    aspect = rng.choice(ASPECTS)
    width, height = (longer, longer / aspect) if aspect > 1 else (longer * aspect, longer)
    scale = rng.uniform(0.5, 0.95) * min(source.width / width, source.height / height)
    left = rng.uniform(0, source.width - scale * width)
    top = rng.uniform(0, source.height - scale * height)
    box = (left, top, left + scale * width, top + scale * height)
    return source.resize((round(width), round(height)), Image.Resampling.BICUBIC, box)


def _exif(rng: random.Random) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = rng.choice((1, 1, 1, 6, 8))  # upright, or a camera held on its side
    return exif
