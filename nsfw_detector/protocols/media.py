"""The body of a request, by its content type, as the content of a wire format."""

from __future__ import annotations

from nsfw_detector.errors import MediaTypeError, RequestError
from nsfw_detector.protocols import multipart, recognise, strict_json
from nsfw_detector.protocols.base import WireFormat
from nsfw_detector.protocols.native import NativeRequest, RawRequest

RAW = "application/octet-stream"
FORM = "multipart/form-data"
JSON = "application/json"
URL_ENCODED = "application/x-www-form-urlencoded"
ACCEPTED = ("image/*", RAW, FORM, JSON)


def read(content_type: str, body: bytes) -> tuple[type[WireFormat], object]:
    """Tell the wire format of a request, and take its content, which is yet to be validated.

    Args:
        content_type: The header, empty if there was none.
        body: Not empty.

    Raises:
        MediaTypeError: The content type is not accepted.
        RequestError: The body is not what the content type says, or in no known format.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("image/") or media_type == RAW:
        return RawRequest, {"images": [{"content": body}]}
    if media_type == FORM:
        return NativeRequest, multipart.read(content_type, body)
    if media_type == URL_ENCODED:
        content = _not_really_a_form(body)
    elif media_type in ("", JSON) or media_type.startswith("text/") or media_type.endswith("+json"):
        content = strict_json.loads(body)
    else:
        raise MediaTypeError(f"Content type not accepted. Use one of {', '.join(ACCEPTED)}.")
    return recognise(content), content


def _not_really_a_form(body: bytes) -> object:
    """Read the JSON that `curl -d` sends under this type unless it is told the right one."""
    try:
        return strict_json.loads(body)
    except RequestError:
        raise MediaTypeError(
            f"Content type {URL_ENCODED} (the default of curl) is accepted with JSON only. Use "
            f"one of {', '.join(ACCEPTED)}, for instance with curl -H 'Content-Type: image/jpeg'."
        ) from None
