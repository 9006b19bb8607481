"""Tables written as JSON, as AutoML and MLflow send them, and where their images stand."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from nsfw_detector.protocols.images import Base64, Image, Images

IMAGE = "image"
"""The column or field that holds the image; where there is only one, its name does not matter."""


def _check_columns(columns: list[str | int]) -> list[str | int]:
    if len(columns) > 1 and IMAGE not in columns:
        raise PydanticCustomError("no_image", "There should be a column `image`, or one only")
    return columns


def _pick_column(rows: object, info: ValidationInfo) -> object:
    columns = info.data.get("columns", [])  # missing when it was found invalid itself
    position = columns.index(IMAGE) if IMAGE in columns else 0

    def cell(row: object) -> object:
        return row[position] if isinstance(row, list) and position < len(row) else row

    return [cell(row) for row in rows] if isinstance(rows, list) else rows


def _pick_field(record: object) -> object:
    if not isinstance(record, dict):
        return record
    if IMAGE not in record and len(record) != 1:
        raise PydanticCustomError("no_image", "There should be a field `image`, or one only")
    return record[IMAGE] if IMAGE in record else next(iter(record.values()))


class SplitFrame(BaseModel):
    """A table as pandas writes it with `orient="split"`; its index is not needed."""

    columns: Annotated[list[str | int], Field(min_length=1), AfterValidator(_check_columns)]
    data: Annotated[
        Images[Image],
        BeforeValidator(_pick_column, json_schema_input_type=Images[Base64 | list[Any]]),
    ]


Record: TypeAlias = Annotated[
    Image, BeforeValidator(_pick_field, json_schema_input_type=Base64 | dict[str, Any])
]
"""One image as base64 text, or as an object with a field `image` or with one field only."""

Column: TypeAlias = Annotated[
    Images[Image],
    BeforeValidator(_pick_field, json_schema_input_type=dict[str, list[Any]]),
]
"""A list of images as the field `image`, or the only field, of an object."""
