"""What goes in and what comes out: the values that flow between the modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.errors import DetectorError

Decision: TypeAlias = Literal["allow", "review", "block"]


@dataclass(frozen=True, slots=True)
class Detection:
    """The result for one image.

    Attributes:
        level: The highest level whose `at_least` value reaches its threshold in the policy.
        decision: What the policy does with the image: ``"allow"``, ``"review"`` or ``"block"``.
        scores: Softmax probability of each label, in label order; they add up to 1.
        at_least: For each label but the first, the probability that the image is of that level or
            a higher one (the sum of `scores` from there up), in [0, 1].
        width: Width of the upright image in pixels.
        height: Height of the upright image in pixels.
        format: ``"JPEG"``, ``"PNG"`` and so on; an empty string for what was no encoded image.
        frames: Frames that the file holds (1 unless it is animated).
        frame: Index of the frame that this result is of: the worst of those scored.
        seconds: Of a video, when that frame is shown.
        embedding: float32 vector before the classifier head, shape (features,); only if asked for.
        layers: Block of the model -> float32 vector of the same shape, the mean over the patch
            tokens that leave it; of the blocks in `EMBEDDING_LAYERS`, and only if asked for.
    """

    level: str
    decision: Decision
    scores: Mapping[str, float]
    at_least: Mapping[str, float]
    width: int
    height: int
    format: str = ""
    frames: int = 1
    frame: int = 0
    seconds: float | None = None
    embedding: NDArray[np.float32] | None = None
    layers: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)


Result: TypeAlias = Detection | DetectorError
"""What an image comes to: a detection, or the error that tells why there is none."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """An image as vectors: near-copies lie near each other, and what is alike not far away.

    Attributes:
        vector: float32, shape (features,): what the classifier head reads.
        layers: Block of the model -> float32 vector of the same shape, as in `Detection`.
    """

    vector: NDArray[np.float32]
    layers: Mapping[int, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answered.

    Attributes:
        name: Name of the checkpoint or of the registered model.
        version: Version of the registered model, or an empty string.
        digest: ``"sha256:<hex>"`` of `model.safetensors`.
        engine: Engine and arithmetic, such as ``"openvino-bf16"``.
        labels: Label names in order of severity, least first.
    """

    name: str
    version: str
    digest: str
    engine: str
    labels: tuple[str, ...]
