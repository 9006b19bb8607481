"""Polling of long-running operations."""

from __future__ import annotations

from flask import Blueprint, Response

from tests.cloud.arm.paths import LOCATION
from tests.cloud.state import current

blueprint = Blueprint("operations", __name__, url_prefix=f"{LOCATION}/<location>")


@blueprint.get("/mfeOperationsStatus/<operation>")
def status(location: str, operation: str) -> Response:
    operations = current().operations
    return operations.status(operations.get(operation))


@blueprint.get("/mfeOperationResults/<operation>")
def result(location: str, operation: str) -> Response:
    running = current().operations.get(operation).status == "InProgress"
    return Response(status=202 if running else 204)
