"""The OpenAPI document, made from the same models that validate requests and type the answers.

The inference server serves the file `swagger3.json` beside score.py at `/swagger.json?version=3`.
Write it anew when a wire format changes: `python -m nsfw_detector.openapi > swagger3.json`.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias, get_type_hints

from pydantic import TypeAdapter

from nsfw_detector import __version__
from nsfw_detector.http import Description
from nsfw_detector.protocols import FORMATS
from nsfw_detector.protocols.base import Failure
from nsfw_detector.protocols.content_safety import ContentSafetyError
from nsfw_detector.protocols.huggingface import HuggingFaceError
from nsfw_detector.protocols.media import FORM, JSON, RAW
from nsfw_detector.protocols.mlflow import MlflowError
from nsfw_detector.protocols.multipart import OPTIONS
from nsfw_detector.protocols.native import NativeOptions

Schema: TypeAlias = dict[str, Any]

REQUESTS = tuple(wire_format for _, _, wire_format in FORMATS)
ANSWERS = tuple(dict.fromkeys(get_type_hints(request.render)["return"] for request in REQUESTS))
ERRORS = (Failure, MlflowError, HuggingFaceError, ContentSafetyError)
FAILURES = {
    400: "Not JSON, or of no known shape; the message names the field.",
    413: "Too many bytes, pixels or images.",
    415: "A content type or an image format that is not accepted.",
    422: "The image that the request is about cannot be read.",
    429: "Too much waits to be scored; `Retry-After` tells when to send the request again.",
    500: "The model failed.",
    504: "The image that the request is about could not be scored in time.",
}
BINARY: Schema = {"type": "string", "format": "binary"}


def document() -> dict[str, Any]:
    """Make the OpenAPI document."""
    schemas, definitions = _schemas(*REQUESTS, *ANSWERS, *ERRORS, Description, NativeOptions)
    ready = {"summary": "Is it ready?", "responses": {"200": {"description": "Yes."}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Graded image moderation",
            "version": __version__,
            "description": "Grades images by how likely they are not safe for work. Every answer "
            "has the shape of its request.",
        },
        "security": [{"key": []}, {}],
        "paths": {
            "/": {"get": ready},
            "/score": {
                "get": {
                    "summary": "Describe the model and the requests it takes",
                    "responses": {"200": _json("The description.", schemas[Description])},
                },
                "post": {
                    "summary": "Grade images",
                    "requestBody": {"required": True, "content": _bodies(schemas)},
                    "responses": _responses(schemas),
                },
            },
        },
        "components": {
            "schemas": definitions,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(*types: Any) -> tuple[dict[Any, Schema], Schema]:
    schemas, definitions = TypeAdapter.json_schemas(
        [(item, "validation", TypeAdapter(item)) for item in types],
        ref_template="#/components/schemas/{model}",
    )
    return {item: schema for (item, _), schema in schemas.items()}, definitions["$defs"]


def _json(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _bodies(schemas: dict[Any, Schema]) -> dict[str, Any]:
    form = {
        "description": f"Every part but `{OPTIONS}` is an image, whatever its name.",
        "type": "object",
        "properties": {
            "image": {"type": "array", "items": BINARY},
            OPTIONS: schemas[NativeOptions],
        },
    }
    return {
        JSON: {
            "schema": {"oneOf": [schemas[request] for request in REQUESTS]},
            "examples": {request.__name__: {"value": request.example} for request in REQUESTS},
        },
        "image/*": {"schema": BINARY},
        RAW: {"schema": BINARY},
        FORM: {"schema": form, "encoding": {OPTIONS: {"contentType": JSON}}},
    }


def _responses(schemas: dict[Any, Schema]) -> dict[str, Any]:
    # anyOf, because some formats share the shape of their answers.
    answer = {"anyOf": [schemas[item] for item in ANSWERS]}
    error = {"anyOf": [schemas[item] for item in ERRORS]}
    failures = {str(status): _json(text, error) for status, text in FAILURES.items()}
    return {"200": _json("The results, in the shape of the request.", answer), **failures}


if __name__ == "__main__":
    print(json.dumps(document(), indent=2))
