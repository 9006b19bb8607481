"""This package as a contender: from the image file to probabilities, and its forward pass alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.photo import open_rgb
from nsfw_detector import Detection, Detector, Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import create_engine
from nsfw_detector.levels import probabilities
from nsfw_detector.transform import Transform

Precision = Literal["fp32", "bf16", "int8"]


class Ours:
    """`Detector.detect` on a path."""

    def __init__(self, checkpoint: Path, precision: Precision) -> None:
        self._detector = Detector.load(checkpoint, Settings(precision=precision))

    def __call__(self, path: Path) -> list[float]:
        """Probabilities of an image file in label order."""
        (result,) = self._detector.detect([path])
        assert isinstance(result, Detection)
        return list(result.scores.values())


class ForwardPass:
    """The engine on model input that lies ready: the limit of what any server can reach with it."""

    def __init__(self, checkpoint: Path, precision: Precision) -> None:
        loaded = Checkpoint.load(checkpoint)
        self._transform = Transform(loaded.config.preprocess)
        self._engine = create_engine(loaded, Settings(precision=precision))
        # Filled in the warm-up, so that no timed run decodes anything.
        self._input = cache(self._prepare)

    def _prepare(self, path: Path) -> NDArray[np.uint8]:
        return self._transform(open_rgb(path))[None]

    def __call__(self, path: Path) -> list[float]:
        """Probabilities of an image file in label order."""
        scores: Any = probabilities(self._engine.infer(self._input(path)).logits[0]).tolist()
        return list(scores)
