"""Make the sample files that are not photos: one drawn picture per level, and request bodies.

Writes samples/demo-*.png, which show what the demo checkpoint looks for, and samples/requests/,
one request body per JSON format (see "The HTTP contract" in the README).

Example:
    python -m scripts.make_samples
"""

from __future__ import annotations

import argparse
import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from scripts.demo_images import LEVELS, draw
from scripts.paths import SAMPLES

DRAWN_SIZE = (480, 360)
DRAWN_SEED = 8
"""Chosen for a picture that is pleasant to look at; any would do."""


def drawn_pictures() -> dict[str, Image.Image]:
    """Draw a scene with the badges of each level above neutral, by file name."""
    return {
        f"demo-{name}.png": draw(np.random.default_rng(DRAWN_SEED), level, DRAWN_SIZE)
        for level, name in enumerate(LEVELS)
        if level
    }


def request_bodies(photos: Path) -> dict[str, dict[str, Any]]:
    """Write one request per format around small copies of two photos, by file name."""
    cat, coffee = (_small_jpeg(photos / name) for name in ("cat.jpg", "coffee.jpg"))
    return {
        "native.json": {"images": [{"id": "cat", "content": cat}]},
        "native-two-images.json": {
            "images": [{"id": "cat", "content": cat}, {"id": "coffee", "content": coffee}],
            "options": {
                "return": ["scores", "embedding"],
                "policy": {"review": {"low": 0.5}, "block": {"medium": 0.8}},
            },
        },
        "catalogue.json": {"input_data": [cat, coffee]},
        "mlflow.json": {"dataframe_split": {"columns": ["image"], "data": [[cat], [coffee]]}},
        "content-safety.json": {
            "image": {"content": cat},
            "categories": ["Sexual"],
            "outputType": "FourSeverityLevels",
        },
    }


def _small_jpeg(path: Path) -> str:
    """Read an image, scale it to at most 256 pixels, and return it as a JPEG in base64."""
    with Image.open(path) as image:
        small = ImageOps.exif_transpose(image).convert("RGB")
    small.thumbnail((256, 256))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80, optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all files."""
    description, example = (__doc__ or "").split("Example:\n")
    parser = argparse.ArgumentParser(
        description=description,
        epilog="example:\n" + example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=SAMPLES, help="default: samples")
    out: Path = parser.parse_args(arguments).out

    (out / "requests").mkdir(parents=True, exist_ok=True)
    for name, image in drawn_pictures().items():
        image.save(out / name, optimize=True)
    for name, body in request_bodies(SAMPLES).items():
        text = json.dumps(body, indent=2) + "\n"
        (out / "requests" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
