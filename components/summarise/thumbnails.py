"""Blurred thumbnails, for a look at what kind of images were found without having to see them."""

from __future__ import annotations

import base64
import heapq
import io
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from nsfw_detector.batch.paths import file_path
from nsfw_detector.batch.read import labels_of
from nsfw_detector.batch.video import sample_frames
from nsfw_detector.errors import DetectorError, ImageError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.settings import Settings

if TYPE_CHECKING:
    import pyarrow.dataset

SIDE = 160
CELLS = 10
"""Squares along the longer side: of an image, about ten by ten colours are left."""
TRIES = 10
"""Files tried for each thumbnail: where the folder is another one, none of millions is there."""
SAME_MOMENT = 0.01
"""Seconds; rows hold milliseconds."""


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
    """Make thumbnails of the most severe images, each of the frame that its row is about.

    What cannot be shown, such as a file that has moved since, is passed over for the next.

    Args:
        rows: The table.
        images: Folder that was scored.
        count: Most thumbnails.
    """
    if images is None or count < 1:
        return []
    names = [f"at_least_{label}" for label in labels_of(rows)[1:]]
    columns = ["path", "level", "decision", "error_code", "frame", "seconds", *names]
    found = (
        (sum(row[name] for name in names), row["path"], row)
        for batch in rows.to_batches(columns)
        for row in batch.to_pylist()
        if row["error_code"] is None
    )
    settings = Settings.from_environment()
    thumbnails: list[Thumbnail] = []
    for _, path, row in heapq.nlargest(TRIES * count, found, key=lambda each: each[:2]):
        try:
            image = read_picture(images / file_path(path), row["frame"], row["seconds"], settings)
        except (OSError, DetectorError):
            continue
        thumbnails.append(Thumbnail(path, row["level"], row["decision"], _blur(image)))
        if len(thumbnails) == count:
            break
    return thumbnails


def read_picture(
    path: Path, frame: int | None, seconds: float | None, settings: Settings
) -> Image.Image:
    """Read the picture that a row is about, upright, RGB, no smaller than a thumbnail.

    Args:
        path: The file.
        frame: Of an animation or a video, which frame; None is the first.
        seconds: Of a video, when the frame is shown; None: it is none.
        settings: Limits, and how many frames were sampled.

    Raises:
        OSError: The file cannot be read.
        ImageError: It is damaged, or it was sampled in another way.
    """
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels, settings.max_frames)
    with path.open("rb") as file:
        if seconds is not None:
            with closing(sample_frames(file, settings.max_video_frames, limits)) as sampled:
                for shown in sampled:
                    if shown.index == frame and abs(shown.seconds - seconds) < SAME_MOMENT:
                        return Image.fromarray(shown.pixels)
        else:
            # One byte more than allowed tells that it is too large, without reading it all.
            data = file.read(limits.max_bytes + 1)
            for decoded in decode(data, limits, (SIDE, SIDE)).frames:
                if decoded.index == (frame or 0):
                    return decoded.image
    raise ImageError("The frame that was judged is not among those sampled here.")


def _blur(image: Image.Image) -> str:
    cells = image.copy()
    cells.thumbnail((CELLS, CELLS), Image.Resampling.BOX)
    scale = SIDE / max(cells.size)
    size = (round(cells.width * scale), round(cells.height * scale))
    file = io.BytesIO()
    cells.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=60)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
