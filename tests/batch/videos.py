"""Makes videos for tests."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image


def write_video(
    path: Path,
    pictures: Sequence[Path],
    *,
    frames_each: int = 10,
    rate: int = 10,
    codec: str = "libx264",
    size: tuple[int, int] = (320, 240),
) -> Path:
    """Show each picture for some frames."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 8_000_000  # the demo checkpoint needs its badges sharp
        for picture in pictures:
            with Image.open(picture) as image:
                pixels = np.asarray(image.convert("RGB").resize(size))
            for _ in range(frames_each):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path
