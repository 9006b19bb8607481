"""How Azure Resource Manager says no."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, jsonify


class ArmError(Exception):
    """A refusal; the view that raises it ends, and the client gets its body.

    Args:
        status: HTTP status.
        code: Azure's error code.
        message: For people.
        details: Inner errors.
        headers: More headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"code": code, "message": message}
        if details:
            self.error["details"] = details
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer that says it."""
        answer = jsonify({"error": self.error})
        answer.status_code = self.status
        answer.headers.extend(self.headers)
        return answer


def not_found(what: str) -> ArmError:
    """The error for a resource that does not exist."""
    return ArmError(404, "ResourceNotFound", f"{what} was not found.")


def invalid_fields(errors: dict[str, list[str]]) -> ArmError:
    """The error that a deployment's or endpoint's PUT gets for the values in it."""
    inner = {
        "errors": errors,
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
    }
    message = f"InferencingClient HttpRequest error, error detail: {json.dumps(inner)}"
    return ArmError(
        400,
        "BadRequest",
        "The request is invalid.",
        [{"code": "InferencingClientCreateDeploymentFailed", "message": message}],
    )
