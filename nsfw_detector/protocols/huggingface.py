"""The format of Hugging Face's image-classification inference API, for one image and for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from nsfw_detector.errors import DetectorError, ImageError
from nsfw_detector.protocols.base import Failure, WireFormat, failure, sole
from nsfw_detector.protocols.images import EXAMPLE, Image, Images
from nsfw_detector.protocols.scores import LabelScore, ranked
from nsfw_detector.results import ModelInfo, Result


class HuggingFaceParameters(BaseModel):
    """How the labels are listed."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    top_k: int | None = Field(default=None, ge=1)
    """The number of labels listed for each image; by default all."""

    function_to_apply: Literal["softmax"] | None = None
    """The levels exclude each other, so that only `softmax` makes sense."""


class HuggingFaceError(TypedDict):
    """Hugging Face's own way to report a failed request."""

    error: str


class _HuggingFaceRequest(WireFormat):
    parameters: HuggingFaceParameters | None = None

    @property
    def top_k(self) -> int | None:
        return self.parameters.top_k if self.parameters else None

    @classmethod
    def render_error(cls, error: DetectorError) -> HuggingFaceError:
        """Write the error in Hugging Face's envelope."""
        return {"error": error.message}


class HuggingFaceRequest(_HuggingFaceRequest):
    """Hugging Face: one image in base64."""

    example: ClassVar = {"inputs": EXAMPLE, "parameters": {"top_k": 2}}

    inputs: Image

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the image."""
        return [self.inputs]

    def render(self, model: ModelInfo, results: Sequence[Result]) -> list[LabelScore]:
        """Write the labels of the image, the most probable first.

        Raises:
            DetectorError: The image failed.
        """
        return ranked(sole(results))[: self.top_k]


class HuggingFaceListRequest(_HuggingFaceRequest):
    """Hugging Face: a list of images in base64."""

    example: ClassVar = {"inputs": [EXAMPLE, EXAMPLE]}

    inputs: Images[Image]

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the images."""
        return self.inputs

    def render(
        self, model: ModelInfo, results: Sequence[Result]
    ) -> list[list[LabelScore] | Failure]:
        """Write the labels of each image, the most probable first."""
        return [
            failure(result) if isinstance(result, DetectorError) else ranked(result)[: self.top_k]
            for result in results
        ]
