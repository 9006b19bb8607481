"""The answer in the package's own format: all that is known about each image."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NotRequired, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from nsfw_detector.errors import DetectorError
from nsfw_detector.protocols.base import ErrorDetail, failure
from nsfw_detector.protocols.scores import probability
from nsfw_detector.results import Decision, Detection, ModelInfo, Result
from nsfw_detector.vectors import normalized

Part: TypeAlias = Literal["scores", "embedding", "layers"]
"""Of a result, what comes only if asked for."""


class ModelSummary(TypedDict):
    """Which model answered, and on which engine."""

    name: str
    version: str
    digest: str
    engine: str


class NativeDetection(TypedDict):
    """The result of one image; `frames` and `frame` appear for animated images only.

    The keys of `layers` are the numbers of the model's blocks, from "0".
    """

    id: str
    level: str
    decision: Decision
    scores: NotRequired[dict[str, float]]
    at_least: NotRequired[dict[str, float]]
    width: int
    height: int
    frames: NotRequired[int]
    frame: NotRequired[int]
    embedding: NotRequired[list[float]]
    layers: NotRequired[dict[str, list[float]]]


class NativeFailure(TypedDict):
    """Why one image has no result."""

    id: str
    error: ErrorDetail


class NativeAnswer(TypedDict):
    """One result per image, in the order of the request."""

    model: ModelSummary
    results: list[NativeDetection | NativeFailure]


def summary(model: ModelInfo) -> ModelSummary:
    """Write which model answers."""
    return {
        "name": model.name,
        "version": model.version,
        "digest": model.digest,
        "engine": model.engine,
    }


def render_result(
    image_id: str, result: Result, parts: Collection[Part], normalize: bool
) -> NativeDetection | NativeFailure:
    """Write the result of one image.

    Args:
        image_id: What the request calls the image.
        result: Its detection or error.
        parts: What to write beside level and decision.
        normalize: Whether to bring vectors to length 1.
    """
    if isinstance(result, DetectorError):
        return {"id": image_id, "error": failure(result)["error"]}
    return _detection(image_id, result, parts, normalize)


def _detection(
    image_id: str, detection: Detection, parts: Collection[Part], normalize: bool
) -> NativeDetection:
    body: NativeDetection = {
        "id": image_id,
        "level": detection.level,
        "decision": detection.decision,
        "width": detection.width,
        "height": detection.height,
    }
    if "scores" in parts:
        body["scores"] = _rounded(detection.scores)
        body["at_least"] = _rounded(detection.at_least)
    if detection.frames > 1:
        body["frames"] = detection.frames
        body["frame"] = detection.frame
    if "embedding" in parts and detection.embedding is not None:
        body["embedding"] = _numbers(detection.embedding, normalize)
    if "layers" in parts:
        body["layers"] = {
            str(block): _numbers(vector, normalize) for block, vector in detection.layers.items()
        }
    return body


def _numbers(vector: NDArray[np.float32], normalize: bool) -> list[float]:
    numbers: list[float] = (normalized(vector) if normalize else vector).tolist()
    return numbers


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: probability(value) for label, value in scores.items()}
