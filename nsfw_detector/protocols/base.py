"""What a wire format is.

It is one class, derived from `WireFormat`. An instance of it is one valid request; it knows the
images and options that the request holds, and how to write the answer to it. The fields of the
class and the return types of `render` and `render_error` are also what the OpenAPI document is
made from, so that the document cannot say anything else than the code does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import TypedDict

from nsfw_detector.errors import DetectorError, ImageError, RequestError
from nsfw_detector.policy import Policy
from nsfw_detector.results import Detection, ModelInfo, Result


class ErrorDetail(TypedDict):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str


class Failure(TypedDict):
    """Stands in the place of an image's result, or for the whole answer."""

    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Options:
    """What a request asks of the detector, beyond its images.

    Attributes:
        embedding: Embeddings, and the layers there are.
        layers: Layers, so that it is an error if there are none.
        policy: Takes the place of the detector's own.
    """

    embedding: bool = False
    layers: bool = False
    policy: Policy | None = None


class WireFormat(BaseModel, ABC):
    """A valid request in one wire format, which knows how it is to be answered."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    example: ClassVar[dict[str, Any]]
    """A request of this format, for the OpenAPI document."""

    @classmethod
    def parse(cls, content: object) -> Self:
        """Validate the content of a request.

        Raises:
            RequestError: It does not fit; the message names the field.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise RequestError(f"Request not valid: {_first_problem(error)}.") from None

    @abstractmethod
    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the images in request order: encoded bytes, or why there are none."""

    def to_options(self) -> Options:
        """Give the options of the request."""
        return Options()

    @abstractmethod
    def render(self, model: ModelInfo, results: Sequence[Result]) -> object:
        """Write the results, which are in request order, as the JSON body of the answer.

        Raises:
            DetectorError: The image failed, and this format has no place for that beside other
                results: then the error is the answer to the whole request.
        """

    @classmethod
    def render_error(cls, error: DetectorError) -> object:
        """Write the failure of a whole request as the JSON body of the answer."""
        return failure(error)

    @classmethod
    def error_headers(cls, error: DetectorError) -> dict[str, str]:
        """Give the response headers that this format adds to the failure of a whole request."""
        return {}


def failure(error: DetectorError) -> Failure:
    """Write an error the way this package does where a format prescribes nothing else."""
    return {"error": {"code": error.code, "message": error.message}}


def sole(results: Sequence[Result]) -> Detection:
    """Take the result of a request that is about a single image.

    Raises:
        DetectorError: The image failed, and with it the request.
    """
    [result] = results
    if isinstance(result, DetectorError):
        raise result
    return result


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Pydantic's own words for this problem name a Python class, which means nothing to a caller.
    message = "Input should be an object" if problem["type"] == "model_type" else problem["msg"]
    # A field's name may be anything, such as an image that was put in the wrong place.
    place = ".".join(str(part)[:40] for part in problem["loc"])
    return f"{place}: {message}" if place else message
