"""Images in JSON: the field types for base64 text that all wire formats use."""

from __future__ import annotations

import binascii
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from nsfw_detector.errors import ImageEncodingError, ImageError

EXAMPLE = "R0lGODdhAQABAIEAAP///wAAAAAAAAAAACwAAAAAAQABAAAIBAABBAQAOw=="
"""A white GIF of one pixel, so that the examples can be sent as they are."""


def read_image(value: object) -> bytes | ImageError:
    """Turn an image as a request holds it into its encoded bytes.

    Args:
        value: Base64 text, alone or in a data URL. Bytes, as they come from a body that is not
            JSON, pass as they are.

    Returns:
        The bytes; or an error, as a value because it concerns this image only.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("image_type", "Input should be an image file as base64 text")
    try:
        return _decode(value)
    except ValueError:
        return ImageEncodingError(
            "The image is not base64. Send the image file as base64 text, alone or in a data URL; "
            "links are not followed."
        )


def _decode(text: str) -> bytes:
    if text.startswith("data:"):
        header, _, text = text.partition(",")
        if not header.endswith(";base64"):
            raise ValueError("a data URL of another encoding")
    # Line breaks are dropped, because the base64 command writes them.
    packed = text.encode("ascii").translate(None, b" \t\r\n")
    return binascii.a2b_base64(packed, strict_mode=True)


Base64: TypeAlias = Annotated[str, WithJsonSchema({"type": "string", "contentEncoding": "base64"})]

Image: TypeAlias = Annotated[
    bytes | ImageError, PlainValidator(read_image, json_schema_input_type=Base64)
]
"""Base64 text on the wire; bytes, or the error of this image, in the validated request."""

Item = TypeVar("Item")
Images: TypeAlias = Annotated[list[Item], Field(min_length=1)]
"""A list of at least one."""
