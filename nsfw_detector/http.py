"""One HTTP request to one HTTP response, without any web framework.

Whatever comes in, an answer goes out: what the caller did wrong is said with a 4xx status in the
shape of the request, and what went wrong here with a 500 that tells nothing about the images.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from typing_extensions import TypedDict

from nsfw_detector.collection import Collect, collect_nothing
from nsfw_detector.errors import (
    DetectorError,
    ImageError,
    InferenceError,
    MethodNotAllowedError,
    OverloadedError,
    RequestError,
    RequestTooLargeError,
)
from nsfw_detector.policy import Policy
from nsfw_detector.protocols import FORMATS, media, strict_json
from nsfw_detector.protocols.base import WireFormat
from nsfw_detector.protocols.native import NativeRequest
from nsfw_detector.protocols.native_answer import ModelSummary, summary
from nsfw_detector.results import ModelInfo, Result
from nsfw_detector.settings import Settings
from nsfw_detector.telemetry import Statistics

ALLOW = {"Allow": "GET, HEAD, OPTIONS, POST"}
OPENAPI_PATH = "/swagger.json?version=3"

logger = logging.getLogger(__name__)


class Scorer(Protocol):
    """What is needed of a detector here."""

    @property
    def info(self) -> ModelInfo:
        """Which model answers."""

    @property
    def settings(self) -> Settings:
        """Where the limits stand."""

    def detect(
        self,
        images: Sequence[bytes | ImageError],
        *,
        embedding: bool = False,
        policy: Policy | None = None,
        deadline: float | None = None,
        is_abandoned: Callable[[], bool] | None = None,
    ) -> Sequence[Result]:
        """Give one result per image, in order."""

    def statistics(self) -> Statistics:
        """Tell what has happened so far."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request whose body has not been read yet.

    Attributes:
        method: In capitals.
        content_type: The header, empty if there is none.
        content_length: The header, None if there is none.
        read: Reads the body, but no more bytes than it is told.
        is_abandoned: Tells whether the client has gone; None where that cannot be known.
    """

    method: str
    content_type: str
    content_length: int | None
    read: Callable[[int], bytes]
    is_abandoned: Callable[[], bool] | None = None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer: its body is JSON, or empty."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Description(TypedDict):
    """What a GET request is told."""

    model: ModelSummary
    labels: list[str]
    content_types: list[str]
    json_keys: list[str]
    openapi: str
    statistics: Statistics


def handle(
    detector: Scorer, request: HttpRequest, collect: Collect = collect_nothing
) -> HttpResponse:
    """Answer a request.

    Args:
        detector: Scores the images.
        request: From anyone, holding anything.
        collect: Is told the results of every request that has any.

    Returns:
        An answer in every case; nothing is raised.
    """
    match request.method:
        case "POST":
            return _score(detector, request, collect)
        case "GET" | "HEAD":
            return _json(200, _describe(detector))
        case "OPTIONS":
            return HttpResponse(204, headers=ALLOW)
        case _:
            return _failed(NativeRequest, MethodNotAllowedError("Use POST to score images."), ALLOW)


def _score(detector: Scorer, request: HttpRequest, collect: Collect) -> HttpResponse:
    wire_format: type[WireFormat] = NativeRequest
    settings = detector.settings
    timeout = settings.request_timeout_ms / 1000
    deadline = time.monotonic() + timeout if timeout else None
    try:
        body = _read(request, settings.max_request_bytes)
        wire_format, content = media.read(request.content_type, body)
        question = wire_format.parse(content)
        images, options = question.to_images(), question.to_options()
        if len(images) > settings.max_images_per_request:
            raise RequestTooLargeError(
                f"The request has {len(images)} images. "
                f"At most {settings.max_images_per_request} are accepted."
            )
        if options.layers and not settings.embedding_layers:
            raise RequestError(
                "This endpoint gives no layers: its setting EMBEDDING_LAYERS, such as 3,7,11, "
                "chooses them."
            )
        results = detector.detect(
            images,
            embedding=options.embedding,
            policy=options.policy,
            deadline=deadline,
            is_abandoned=request.is_abandoned,
        )
        collect(detector.info, results)
        return _json(200, question.render(detector.info, results))
    except DetectorError as error:
        return _failed(wire_format, error)
    except Exception as error:  # the last resort; its message may hold what must not be logged
        logger.error("Scoring failed with %s", type(error).__name__)
        return _failed(wire_format, InferenceError("The images could not be scored."))


def _read(request: HttpRequest, limit: int) -> bytes:
    declared = request.content_length or 0
    body = request.read(limit + 1) if declared <= limit else b""
    if max(declared, len(body)) > limit:
        raise RequestTooLargeError(f"The body is larger than the {limit} bytes accepted.")
    if len(body) < declared:
        raise RequestError("The body is shorter than its Content-Length.")
    if not body:
        raise RequestError(
            "The body is empty. Send an image file with its Content-Type, or JSON such as "
            '{"images": ["<base64>"]}.'
        )
    return body


def _describe(detector: Scorer) -> Description:
    return {
        "model": summary(detector.info),
        "labels": list(detector.info.labels),
        "content_types": list(media.ACCEPTED),
        "json_keys": list(dict.fromkeys(key for key, _, _ in FORMATS)),
        "openapi": OPENAPI_PATH,
        "statistics": detector.statistics(),
    }


def _json(status: int, body: object, headers: Mapping[str, str] = {}) -> HttpResponse:
    return HttpResponse(
        status, strict_json.dumps(body), {"Content-Type": "application/json", **headers}
    )


def _failed(
    wire_format: type[WireFormat], error: DetectorError, headers: Mapping[str, str] = {}
) -> HttpResponse:
    headers = {**headers, **wire_format.error_headers(error)}
    if isinstance(error, OverloadedError):
        headers["Retry-After"] = str(error.retry_after)
    return _json(error.status, wire_format.render_error(error), headers)
