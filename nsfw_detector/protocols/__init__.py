"""Wire formats: what a request holds, and the answer in the shape that was asked in."""

from __future__ import annotations

from typing import Any

from nsfw_detector.errors import RequestError
from nsfw_detector.protocols.automl import AutomlRequest
from nsfw_detector.protocols.base import WireFormat
from nsfw_detector.protocols.catalogue import CatalogueRequest
from nsfw_detector.protocols.content_safety import ContentSafetyRequest
from nsfw_detector.protocols.huggingface import HuggingFaceListRequest, HuggingFaceRequest
from nsfw_detector.protocols.mlflow import (
    MlflowInputsRequest,
    MlflowInstancesRequest,
    MlflowRecordsRequest,
    MlflowSplitRequest,
)
from nsfw_detector.protocols.native import NativeRequest

FORMATS: tuple[tuple[str, type[Any], type[WireFormat]], ...] = (
    ("images", object, NativeRequest),
    ("input_data", dict, AutomlRequest),
    ("input_data", object, CatalogueRequest),
    ("dataframe_split", object, MlflowSplitRequest),
    ("dataframe_records", object, MlflowRecordsRequest),
    ("instances", object, MlflowInstancesRequest),
    ("inputs", dict, MlflowInputsRequest),
    ("inputs", list, HuggingFaceListRequest),
    ("inputs", object, HuggingFaceRequest),
    ("image", object, ContentSafetyRequest),
)
"""A key of the JSON object, the type of its value, and the format these mean; first match wins."""


def recognise(content: object) -> type[WireFormat]:
    """Tell the format of a JSON request by its shape.

    Raises:
        RequestError: It has the shape of none.
    """
    if isinstance(content, dict):
        for key, kind, wire_format in FORMATS:
            if key in content and isinstance(content[key], kind):
                return wire_format
    keys = ", ".join(dict.fromkeys(key for key, _, _ in FORMATS))
    raise RequestError(
        f"Request not valid: it should be a JSON object with one of {keys}, for instance "
        '{"images": ["<base64>"]}.'
    )
