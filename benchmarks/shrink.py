"""What scaling down before sending saves, and how little the endpoint's view of a picture changes.

Every picture is scored as the file it is and in several smaller forms, each decoded exactly as the
endpoint does by default. The first form is what scripts/azure/scoring/shrink.py sends.

Examples:
    python -m benchmarks.shrink
    python -m benchmarks.shrink my-photos/*.jpg
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.photo import open_rgb
from benchmarks.results import FOLDER, Row, text, write
from nsfw_detector import Detector, Settings
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.results import Detection
from nsfw_detector.transform import Preprocess, Transform
from scripts.azure.scoring.shrink import LIMITS, SIDE, shrink
from scripts.demo_images import example
from scripts.paths import DEMO, SAMPLES

HALF = (0.5, 0.5, 0.5)
FREEPIK = Transform(Preprocess(448, 448, "bicubic", "squash", 1.0, HALF, HALF))
SIZES = ((4000, 3000), (3024, 4032), (2560, 1920))
PICTURES = 24
TILE = (400, 300)
SEED = 7


def main() -> None:
    """Measure and print the table; with the built-in pictures, write it to the results too."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*", type=Path, help="of several megapixels")
    photos = parser.parse_args().photos
    files = [p.read_bytes() for p in photos] if photos else made_up_photos()
    with closing(demo(exact=True)) as exact, closing(demo(exact=False)) as detector:
        right = scores(exact, files)
        rows = [measure(name, form, files, right, detector) for name, form in forms().items()]
    print(text(rows))
    if not photos:
        write(FOLDER / "shrink.csv", rows)


def demo(*, exact: bool) -> Detector:
    """The demo checkpoint, which decodes large JPEGs exactly or, as by default, scaled."""
    settings = Settings(precision="fp32", scaled_decoding=not exact)
    return Detector.load(DEMO, settings)


def forms() -> dict[str, Callable[[bytes], bytes]]:
    """The forms in which a picture could be sent."""
    return {
        "what invoke sends": lambda data: shrink(data).data,
        "the same, quality 95": lambda data: smaller(data, SIDE, 95, "4:4:4"),
        "the same, quality 80": lambda data: smaller(data, SIDE, 80, "4:4:4"),
        "the same, 4:2:0": lambda data: smaller(data, SIDE, 90, "4:2:0"),
        "short side 448": lambda data: smaller(data, 448, 90, "4:4:4"),
        "the file itself": lambda data: data,
    }


def smaller(data: bytes, side: int, quality: int, subsampling: str) -> bytes:
    """Scale a picture so that its shorter side has so many pixels."""
    image = decode(data, LIMITS, enough=(2 * SIDE, 2 * SIDE)).frames[0].image
    scale = side / min(image.size)
    size = round(image.width * scale), round(image.height * scale)
    file = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(
        file, "JPEG", quality=quality, subsampling=subsampling, optimize=True
    )
    return file.getvalue()


def measure(
    name: str,
    form: Callable[[bytes], bytes],
    files: Sequence[bytes],
    right: np.ndarray,
    detector: Detector,
) -> Row:
    """Compare what becomes of a form with what exact decoding makes of the file itself.

    Args:
        name: Of the form.
        form: Makes it from a file.
        files: The pictures.
        right: Their probabilities, (pictures, labels), exactly decoded.
        detector: Decodes as the endpoint does by default.
    """
    sent = [form(data) for data in files]
    grey = np.array(
        [
            np.abs(seen(data, exact=True) - seen(s, exact=False)).ravel()
            for data, s in zip(files, sent, strict=True)
        ]
    )
    after = scores(detector, sent)
    drift = np.abs(right - after)
    return {
        "form": name,
        "kB": round(sum(map(len, sent)) / len(sent) / 1000),
        "share of bytes": round(sum(map(len, sent)) / sum(map(len, files)), 2),
        "images/s at 5 MB/s": round(5e6 * len(sent) / sum(map(len, sent)), 1),
        "grey levels off": round(float(grey.mean()), 2),
        "99.9 %": round(float(np.quantile(grey, 0.999)), 1),
        "probability off, mean": round(float(drift.mean()), 5),
        "most": round(float(drift.max()), 4),
        "other level": int((right.argmax(1) != after.argmax(1)).sum()),
    }


def seen(data: bytes, *, exact: bool) -> np.ndarray:
    """What the model sees of an encoded image, as the endpoint decodes it."""
    limits = ImageLimits(LIMITS.max_bytes, LIMITS.max_pixels, 1)
    image = decode(data, limits, None if exact else FREEPIK.enough).frames[0].image
    return FREEPIK(image).astype(np.float32)


def scores(detector: Detector, files: Sequence[bytes]) -> np.ndarray:
    """Probabilities of each file, by the demo checkpoint."""
    results = detector.detect(files)
    return np.array([[*r.scores.values()] for r in results if isinstance(r, Detection)])


def made_up_photos() -> list[bytes]:
    """JPEGs of 5 to 12 megapixels, with detail down to the pixel and levels of all kinds.

    A drawing of the demo checkpoint's kind, enlarged, shines through a wall of sample photographs
    at their own size.
    """
    rng = np.random.default_rng(SEED)
    samples = [open_rgb(p) for p in sorted(SAMPLES.glob("*.*")) if p.suffix != ".md"]
    files = []
    for index in range(PICTURES):
        size = SIZES[index % len(SIZES)]
        wall = Image.new("RGB", size)
        for x in range(0, size[0], TILE[0]):
            for y in range(0, size[1], TILE[1]):
                tile = samples[rng.integers(len(samples))]
                wall.paste(tile.crop((0, 0, *TILE)), (x, y))
        drawing = example(SEED, index).image.convert("RGB")
        page = Image.blend(drawing.resize(size, Image.Resampling.BICUBIC), wall, 0.3)
        file = io.BytesIO()
        page.save(file, "JPEG", quality=92)
        files.append(file.getvalue())
    return files


if __name__ == "__main__":
    main()
