"""What a scoring endpoint answers for one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from scripts.azure.scoring.errors import ScoringError

# Codes that our server gives in an image's place, but which are not the image's fault.
TRANSIENT = {"deadline_exceeded": 504, "inference_failed": 500}


@dataclass(frozen=True, slots=True)
class Scored:
    """What came back for one image.

    Attributes:
        result: The image's entry of the answer's `results`: level, decision, scores ..., or its
            `error` if it cannot be scored.
        model: Which model answered: name, version, digest, engine.
        seconds: Time of the attempt that was answered, without those before it and the waits.
        attempts: How often the image was sent.
    """

    result: dict[str, Any]
    model: dict[str, Any]
    seconds: float
    attempts: int


def read_answer(answer: requests.Response) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take an image's result, and the model, from an answer with status 200.

    Raises:
        ScoringError: It is no such answer, or it tells of a failure that is not the image's.
    """
    try:
        body = answer.json()
        [result] = body["results"]
        model = dict(body["model"])
        error = result.get("error")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ScoringError(
            f"What answers at {answer.url} is not this package.",
            200,
            "answer_invalid",
            "Check the URL: a scoring URI ends with /score.",
        ) from None
    if error and error["code"] in TRANSIENT:
        status = TRANSIENT[error["code"]]
        raise ScoringError(error["message"], status, error["code"])
    return result, model
