"""JSON as RFC 8259 has it: no NaN or Infinity, neither in requests nor in answers."""

from __future__ import annotations

import json
from typing import NoReturn

from nsfw_detector.errors import RequestError, RequestTooLargeError

MAX_COMMAS = 100_000
"""Base64 text holds no comma, so that a body with more is no list of images. It could hold
millions of tiny values, though, which as Python objects take many times the room of the body."""


def loads(body: bytes) -> object:
    """Parse a JSON text.

    Raises:
        RequestError: It is not JSON, or nested too deeply.
        RequestTooLargeError: It has too many values.
    """
    if body.count(b",") > MAX_COMMAS:
        raise RequestTooLargeError(f"The JSON has more than {MAX_COMMAS} values.")
    try:
        return json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise RequestError("The JSON is nested too deeply.") from None
    except ValueError as error:  # also: not UTF-8, or an integer of thousands of digits
        raise RequestError(
            f"Not valid JSON: {error}. (An image file as the body needs its type as Content-Type, "
            "such as image/jpeg.)"
        ) from None


def dumps(value: object) -> bytes:
    """Write a JSON text in ASCII, so that no string a request brought can fail to be encoded.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
