"""Blurred thumbnails, for a look at what kind of images were found without having to see them."""

from __future__ import annotations

import base64
import heapq
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from nsfw_detector.batch.read import labels_of
from nsfw_detector.errors import DetectorError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.settings import Settings

if TYPE_CHECKING:
    import pyarrow.dataset

SIDE = 160
CELLS = 10
"""Squares along the longer side: of an image, about ten by ten colours are left."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A blurred image, with what is written below it."""

    path: str
    level: str
    decision: str
    data_url: str


def blurred_thumbnails(
    rows: pyarrow.dataset.Dataset, images: Path | None, count: int
) -> list[Thumbnail]:
    """Make thumbnails of the most severe images; what cannot be shown is left out.

    Args:
        rows: The table.
        images: Folder that was scored.
        count: Most thumbnails.
    """
    if images is None or not count:
        return []
    names = [f"at_least_{label}" for label in labels_of(rows)[1:]]
    found = (
        (sum(row[name] for name in names), row["path"], row)
        for batch in rows.to_batches(["path", "level", "decision", "error_code", *names])
        for row in batch.to_pylist()
        if row["error_code"] is None
    )
    thumbnails = []
    for _, path, row in heapq.nlargest(count, found, key=lambda each: each[:2]):
        try:
            data_url = _blur((images / path).read_bytes())
        except (OSError, DetectorError):  # moved since, or a video
            continue
        thumbnails.append(Thumbnail(path, row["level"], row["decision"], data_url))
    return thumbnails


def _blur(data: bytes) -> str:
    settings = Settings()
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels, max_frames=1)
    image = decode(data, limits, (SIDE, SIDE)).frames[0].image
    cells = image.copy()
    cells.thumbnail((CELLS, CELLS), Image.Resampling.BOX)
    scale = SIDE / max(cells.size)
    size = (round(cells.width * scale), round(cells.height * scale))
    file = io.BytesIO()
    cells.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=60)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
