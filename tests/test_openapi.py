"""The committed document is the one of the code, and real traffic fits it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from nsfw_detector.openapi import document
from nsfw_detector.protocols import FORMATS
from tests.protocols.fake import BAD, FakeDetector, b64, send

DOCUMENT = document()
POST = DOCUMENT["paths"]["/score"]["post"]
EXAMPLES = [wire_format.example for _, _, wire_format in FORMATS]


def validate(value: object, schema: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def json_schema(part: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = part["content"]["application/json"]["schema"]
    return schema


def test_the_committed_document_is_up_to_date() -> None:
    committed = Path(__file__).parents[1] / "swagger3.json"
    assert json.loads(committed.read_text()) == DOCUMENT, (
        "Run: python -m nsfw_detector.openapi > swagger3.json"
    )


def test_every_schema_is_sound() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("example", EXAMPLES)
def test_requests_and_answers_fit(example: dict) -> None:
    validate(example, json_schema(POST["requestBody"]))
    answer = send(json.dumps(example).encode())
    validate(json.loads(answer.body), json_schema(POST["responses"]["200"]))


@pytest.mark.parametrize("content", [{"images": 5}, {"instances": 5}, {"inputs": 5}, {"image": 5}])
def test_refused_requests_and_their_errors_fit(content: dict) -> None:
    with pytest.raises(ValidationError):
        validate(content, json_schema(POST["requestBody"]))
    answer = send(json.dumps(content).encode())
    validate(json.loads(answer.body), json_schema(POST["responses"][str(answer.status)]))


def test_failed_images_and_animations_fit() -> None:
    for image in (BAD, b"GIF89a"):
        for content in ({"images": [b64(image)]}, {"instances": [b64(image)]}):
            answer = send(json.dumps(content).encode())
            validate(json.loads(answer.body), json_schema(POST["responses"]["200"]))


@pytest.mark.parametrize("parts", [["layers"], ["scores", "embedding", "layers"]])
def test_embeddings_and_layers_fit(parts: list[str]) -> None:
    content = {"images": [b64(b"image")], "options": {"return": parts, "normalize": True}}
    validate(content, json_schema(POST["requestBody"]))
    answer = send(json.dumps(content).encode(), detector=FakeDetector(embedding_layers=(0, 1)))
    assert answer.status == 200
    validate(json.loads(answer.body), json_schema(POST["responses"]["200"]))


def test_the_description_fits() -> None:
    description = json.loads(send(b"", method="GET").body)
    schema = json_schema(DOCUMENT["paths"]["/score"]["get"]["responses"]["200"])
    validate(description, schema)
    with pytest.raises(ValidationError):
        validate({**description, "labels": FakeDetector.info.name}, schema)
