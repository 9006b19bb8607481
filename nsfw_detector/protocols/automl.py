"""The format of Azure ML's AutoML image classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import TypedDict

from nsfw_detector.errors import DetectorError, ImageError
from nsfw_detector.protocols.base import Failure, WireFormat, failure
from nsfw_detector.protocols.frames import SplitFrame
from nsfw_detector.protocols.images import EXAMPLE
from nsfw_detector.protocols.scores import probability
from nsfw_detector.results import Detection, ModelInfo, Result


class AutomlScores(TypedDict):
    """The probabilities of one image, and the labels that they belong to."""

    probs: list[float]
    labels: list[str]


class AutomlRequest(WireFormat):
    """Azure ML AutoML vision: a table with a column `image`."""

    example: ClassVar = {"input_data": {"columns": ["image"], "data": [EXAMPLE]}}

    input_data: SplitFrame

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the cells of the image column."""
        return self.input_data.data

    def render(self, model: ModelInfo, results: Sequence[Result]) -> list[AutomlScores | Failure]:
        """Write the probabilities of each image in label order."""
        return [failure(r) if isinstance(r, DetectorError) else _scores(r) for r in results]


def _scores(detection: Detection) -> AutomlScores:
    return {
        "probs": [probability(score) for score in detection.scores.values()],
        "labels": list(detection.scores),
    }
