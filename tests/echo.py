"""An engine without a model, whose outputs say which image they are of, so that a mix-up shows."""

from __future__ import annotations

import io
import threading

import numpy as np
from PIL import Image

from nsfw_detector.engines import EngineOutput
from nsfw_detector.pipeline.batcher import ModelOutput

POISON = 255
"""The mark of an image on which the engine fails, with its whole batch."""
NOT_FINITE = 254
"""The mark of an image for which the engine gives no number."""


class Echo:
    """Works while `free` is set. The mark of an image is the value of its first pixel.

    Attributes:
        batch_sizes: Of all batches so far.
        failing: Numbers of the batches, from 0, that fail whatever they hold.
    """

    name = "echo"

    def __init__(self, max_batch_size: int = 1) -> None:
        self.max_batch_size = max_batch_size
        self.embedding_size = 1
        self.batch_sizes: list[int] = []
        self.failing: set[int] = set()
        self.error: type[BaseException] = RuntimeError
        self.free = threading.Event()
        self.busy = threading.Event()
        self.free.set()

    def infer(self, images: np.ndarray) -> EngineOutput:
        self.busy.set()
        self.free.wait()
        self.busy.clear()
        self.batch_sizes.append(len(images))
        marks = images[:, 0, 0, 0]
        if (marks == POISON).any() or len(self.batch_sizes) - 1 in self.failing:
            raise self.error("poison")
        values = marks.astype(np.float32)[:, None]
        return EngineOutput(np.where(values == NOT_FINITE, np.nan, values), -values)


def is_of(output: ModelOutput, mark: int) -> bool:
    return bool(output.logits == [mark] and output.embedding == [-mark])


def model_input(mark: int) -> np.ndarray:
    return np.full((2, 2, 3), mark, dtype=np.uint8)


def encoded(mark: int, height: int = 2, comment: str = "") -> bytes:
    """A GIF of one colour; its width depends on the mark, a comment only changes its bytes."""
    file = io.BytesIO()
    image = Image.fromarray(np.full((height, width_of(mark)), mark, dtype=np.uint8))
    image.save(file, "GIF", comment=comment)
    return file.getvalue()


def width_of(mark: int) -> int:
    return 1 + mark % 50
