"""Measures the checkpoint that was saved, through timm, which knows nothing of this package."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from nsfw_detector.torchvision_shim import ensure_importable
from scripts.demo_images import LEVELS, example
from scripts.image_files import find_images

Scores: TypeAlias = NDArray[np.float32]


class Scorer:
    """A saved checkpoint, loaded and fed as timm does it."""

    def __init__(self, folder: Path) -> None:
        ensure_importable()
        import timm  # imports torchvision

        self._model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        self._transform = timm.data.create_transform(
            **timm.data.resolve_model_data_config(self._model)
        )

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        return sum(p.numel() for p in self._model.parameters())

    @torch.inference_mode()
    def __call__(self, image: Image.Image) -> Scores:
        """Return the probability of each level, (levels,)."""
        scores: Scores = self._model(self._transform(image)[None]).softmax(-1)[0].numpy()
        return scores


def confusion(scorer: Scorer, seed: int, count: int, max_side: int) -> NDArray[np.int64]:
    """Count what is predicted for the pictures of a seed.

    Returns:
        (levels, levels): the true level by row, the predicted one by column.
    """
    matrix = np.zeros((len(LEVELS), len(LEVELS)), np.int64)
    for index in range(count):
        drawn = example(seed, index, max_side)
        matrix[drawn.level, scorer(drawn.image).argmax()] += 1
    return matrix


def sample_scores(scorer: Scorer, folder: Path) -> dict[str, Scores]:
    """Score every image of a folder, upright and in RGB, by file name."""
    scores = {}
    for path in find_images(folder):
        with Image.open(path) as image:
            scores[path.name] = scorer(ImageOps.exif_transpose(image).convert("RGB"))
    return scores
