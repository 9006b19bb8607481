"""The images that a checkpoint is tried with, and the candidate that is calibrated on some."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.openvino_engine import required_spec
from nsfw_detector.engines.openvino_graph import HEAD, PATCH_EMBED, GraphBuilder
from nsfw_detector.errors import DetectorError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.settings import Settings
from nsfw_detector.transform import Transform


def model_inputs(checkpoint: Checkpoint, folder: Path, most: int) -> Iterator[NDArray[np.uint8]]:
    """Decode the folder's images, sub-folders too; what is no image is left out."""
    transform = Transform(checkpoint.config.preprocess)
    defaults = Settings()
    limits = ImageLimits(defaults.max_image_bytes, defaults.max_image_pixels, max_frames=1)
    found = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            frame = decode(path.read_bytes(), limits, transform.enough).frames[0]
        except DetectorError:
            continue
        yield transform(frame.image)
        found += 1
        if found == most:
            return


def quantise(checkpoint: Checkpoint, images: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write a graph with static int8 (SmoothQuant, calibrated on the images)."""
    import nncf

    nncf.set_log_level(logging.WARNING)
    spec = required_spec(checkpoint)
    model = GraphBuilder(spec, checkpoint.tensors, checkpoint.config.preprocess).build()
    quantised = nncf.quantize(
        model,
        nncf.Dataset([image[None] for image in images]),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(names=[PATCH_EMBED, HEAD]),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(quantised, path, compress_to_fp16=False)
