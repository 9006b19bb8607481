"""The answer in the package's own format: all that is known about each image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired

from typing_extensions import TypedDict

from nsfw_detector.errors import DetectorError
from nsfw_detector.protocols.base import ErrorDetail, failure
from nsfw_detector.protocols.scores import probability
from nsfw_detector.results import Decision, Detection, ModelInfo, Result


class ModelSummary(TypedDict):
    """Which model answered, and on which engine."""

    name: str
    version: str
    digest: str
    engine: str


class NativeDetection(TypedDict):
    """The result of one image; `frames` and `frame` appear for animated images only."""

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
    image_id: str, result: Result, *, with_scores: bool
) -> NativeDetection | NativeFailure:
    """Write the result of one image.

    Args:
        image_id: What the request calls the image.
        result: Its detection or error.
        with_scores: Whether to write the probabilities.
    """
    if isinstance(result, DetectorError):
        return {"id": image_id, "error": failure(result)["error"]}
    return _detection(image_id, result, with_scores)


def _detection(image_id: str, detection: Detection, with_scores: bool) -> NativeDetection:
    body: NativeDetection = {
        "id": image_id,
        "level": detection.level,
        "decision": detection.decision,
        "width": detection.width,
        "height": detection.height,
    }
    if with_scores:
        body["scores"] = _rounded(detection.scores)
        body["at_least"] = _rounded(detection.at_least)
    if detection.frames > 1:
        body["frames"] = detection.frames
        body["frame"] = detection.frame
    if detection.embedding is not None:
        body["embedding"] = detection.embedding.tolist()
    return body


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: probability(value) for label, value in scores.items()}
