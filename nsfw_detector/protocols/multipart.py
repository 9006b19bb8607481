"""`multipart/form-data`, as browsers and `curl -F` upload files, read as a native request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nsfw_detector.errors import RequestError, RequestTooLargeError
from nsfw_detector.protocols import strict_json

MAX_PARTS = 10_000
OPTIONS = "options"
"""The part with this name holds the native format's options as JSON; all others are images."""


def read(content_type: str, body: bytes) -> dict[str, Any]:
    """Read a form as the content of a native request.

    Args:
        content_type: The whole header, with the boundary.
        body: The form.

    Returns:
        The images in the order of the form, each with its file name as id where it has one, so
        that the sender can tell the results apart.

    Raises:
        RequestError: The form is not well-formed, or its options are not JSON.
        RequestTooLargeError: It has too many parts.
    """
    content: dict[str, Any] = {"images": []}
    for part in _parts(content_type, body):
        if part.name == OPTIONS:
            content["options"] = strict_json.loads(part.data)
        else:
            content["images"].append({"id": part.file_name, "content": part.data})
    return content


@dataclass(slots=True)
class _Part:
    name: str | None
    file_name: str | None
    data: bytes = b""


def _parts(content_type: str, body: bytes) -> list[_Part]:
    # Imported here because a batch job, which shares score.py, may run without the HTTP server.
    from werkzeug.exceptions import RequestEntityTooLarge
    from werkzeug.http import parse_options_header
    from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

    parts: list[_Part] = []
    try:
        boundary = parse_options_header(content_type)[1]["boundary"].encode("ascii")
        decoder = MultipartDecoder(boundary, max_parts=MAX_PARTS)
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            match event:
                case File(name=name, filename=file_name):
                    parts.append(_Part(name, file_name or None))
                case Field(name=name):
                    parts.append(_Part(name, None))
                case Data(data=data):
                    parts[-1].data += data
    except RequestEntityTooLarge:
        raise RequestTooLargeError(f"The form has more than {MAX_PARTS} parts.") from None
    except (KeyError, ValueError):
        raise RequestError("The body is not the form that its Content-Type says.") from None
    return parts
