"""The format of image classifiers in Azure ML's model catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from nsfw_detector.errors import DetectorError, ImageError
from nsfw_detector.protocols.base import Failure, WireFormat, failure
from nsfw_detector.protocols.images import EXAMPLE, Image, Images
from nsfw_detector.protocols.scores import LabelScore, ranked
from nsfw_detector.results import ModelInfo, Result


class CatalogueRequest(WireFormat):
    """Azure ML model catalogue: a list of images in base64."""

    example: ClassVar = {"input_data": [EXAMPLE]}

    input_data: Images[Image]

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the images."""
        return self.input_data

    def render(
        self, model: ModelInfo, results: Sequence[Result]
    ) -> list[list[LabelScore] | Failure]:
        """Write the labels of each image, the most probable first."""
        return [failure(r) if isinstance(r, DetectorError) else ranked(r) for r in results]
