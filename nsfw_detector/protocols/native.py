"""The package's own request format, as JSON or made from the bodies that hold image files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from nsfw_detector.errors import ImageError
from nsfw_detector.policy import Policy
from nsfw_detector.protocols.base import Options, WireFormat, sole
from nsfw_detector.protocols.images import EXAMPLE, Base64, Image, Images
from nsfw_detector.protocols.native_answer import NativeAnswer, Part, render_result, summary
from nsfw_detector.results import ModelInfo, Result


class NativeImage(BaseModel):
    """One image, and the id that its result shall carry."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    id: str | None = None
    """Repeated in the result; by default the image's position, from "0"."""

    content: Image
    """The image file as base64 text, or a data URL."""


class NativeOptions(BaseModel):
    """What to return, and the policy to judge by."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    returns: list[Part] = Field(default=["scores"], alias="return")
    """Added to level and decision: the probabilities, the vector before the classifier, and those
    of the layers that `EMBEDDING_LAYERS` chooses."""

    normalize: bool = False
    """Whether embedding and layers are brought to length 1 (L2)."""

    policy: Policy | None = None
    """Takes the place of the endpoint's policy for this request."""


def _as_object(value: object) -> object:
    return {"content": value} if isinstance(value, str) else value


class NativeRequest(WireFormat):
    """Native format: images with ids, and options; an image may also be bare base64 text."""

    model_config = ConfigDict(extra="forbid")

    example: ClassVar = {
        "images": [{"id": "a", "content": EXAMPLE}],
        "options": {"return": ["scores", "embedding"]},
    }

    images: Images[
        Annotated[
            NativeImage, BeforeValidator(_as_object, json_schema_input_type=NativeImage | Base64)
        ]
    ]
    options: NativeOptions = NativeOptions()

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the content of each image."""
        return [image.content for image in self.images]

    def to_options(self) -> Options:
        """Give the options as the detector takes them."""
        layers = "layers" in self.options.returns
        embedding = layers or "embedding" in self.options.returns
        return Options(embedding, layers, self.options.policy)

    def render(self, model: ModelInfo, results: Sequence[Result]) -> NativeAnswer:
        """Write one result per image, each with its id."""
        ids = [str(i) if image.id is None else image.id for i, image in enumerate(self.images)]
        return {
            "model": summary(model),
            "results": [
                render_result(image_id, result, self.options.returns, self.options.normalize)
                for image_id, result in zip(ids, results, strict=True)
            ],
        }


class RawRequest(NativeRequest):
    """A body that is nothing but one image: if that fails, the request fails."""

    def render(self, model: ModelInfo, results: Sequence[Result]) -> NativeAnswer:
        """Write the result of the image.

        Raises:
            DetectorError: The image failed.
        """
        return super().render(model, [sole(results)])
