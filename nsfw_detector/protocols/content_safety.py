"""The format of Azure AI Content Safety's `image:analyze`.

The model judges one of that service's four categories, Sexual. A request that names no category
gets that one; a request that names another is refused, because leaving it out of the answer, or
answering 0, would read as "safe".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, NotRequired, TypeAlias

from pydantic import BaseModel, BeforeValidator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from nsfw_detector.errors import DetectorError, ImageError
from nsfw_detector.protocols.base import WireFormat, sole
from nsfw_detector.protocols.images import EXAMPLE, Image
from nsfw_detector.results import ModelInfo, Result

Severity: TypeAlias = Literal[0, 2, 4, 6]
SEVERITIES: tuple[Severity, ...] = (0, 2, 4, 6)
CODES = {429: "TooManyRequests", 504: "ServerBusy"}


def _refuse_link(value: object) -> object:
    if isinstance(value, dict) and value.get("blobUrl") is not None:
        raise PydanticCustomError("link", "blobUrl is not followed; send the image as content")
    return value


def _refuse_other(category: object) -> object:
    if category in ("Hate", "SelfHarm", "Violence"):
        raise PydanticCustomError("category", "This model judges the category Sexual only")
    return category


class ContentSafetyImage(BaseModel):
    """The image as base64 text."""

    content: Image


class CategoryAnalysis(TypedDict):
    """The severity found in one category."""

    category: Literal["Sexual"]
    severity: Severity


class ContentSafetyAnswer(TypedDict):
    """The severity, from 0 to 6."""

    categoriesAnalysis: list[CategoryAnalysis]


class InnerError(TypedDict):
    """This package's own code for the error."""

    code: str


class ContentSafetyErrorDetail(TypedDict):
    """Content Safety's code for the error, and what was wrong."""

    code: str
    message: str
    innererror: NotRequired[InnerError]


class ContentSafetyError(TypedDict):
    """Content Safety's own way to report a failed request."""

    error: ContentSafetyErrorDetail


class ContentSafetyRequest(WireFormat):
    """Azure AI Content Safety `image:analyze`: one image in base64."""

    example: ClassVar = {"image": {"content": EXAMPLE}, "categories": ["Sexual"]}

    image: Annotated[
        ContentSafetyImage,
        BeforeValidator(_refuse_link, json_schema_input_type=ContentSafetyImage),
    ]
    categories: (
        list[
            Annotated[
                Literal["Sexual"],
                BeforeValidator(_refuse_other, json_schema_input_type=Literal["Sexual"]),
            ]
        ]
        | None
    ) = None
    outputType: Literal["FourSeverityLevels"] | None = None  # noqa: N815 - their spelling

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the image."""
        return [self.image.content]

    def render(self, model: ModelInfo, results: Sequence[Result]) -> ContentSafetyAnswer:
        """Write the level as a severity.

        Raises:
            DetectorError: The image failed.
        """
        severity = _severity(sole(results).level, model.labels)
        return {"categoriesAnalysis": [{"category": "Sexual", "severity": severity}]}

    @classmethod
    def render_error(cls, error: DetectorError) -> ContentSafetyError:
        """Write the error in Content Safety's envelope."""
        return {
            "error": {
                "code": _code(error),
                "message": error.message,
                "innererror": {"code": error.code},
            }
        }

    @classmethod
    def error_headers(cls, error: DetectorError) -> dict[str, str]:
        """Repeat the error's code where Azure's services do."""
        return {"x-ms-error-code": _code(error)}


def _severity(level: str, labels: Sequence[str]) -> Severity:
    """Spread the levels, however many the model has, evenly over the severities."""
    position = labels.index(level) / max(len(labels) - 1, 1)
    return SEVERITIES[round(position * (len(SEVERITIES) - 1))]


def _code(error: DetectorError) -> str:
    default = "InvalidRequestBody" if error.status < 500 else "InternalError"
    return CODES.get(error.status, default)
