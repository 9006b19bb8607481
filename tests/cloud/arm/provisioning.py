"""What making, changing and removing any resource by a long-running operation have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from tests.cloud.resources import Resource
from tests.cloud.state import State


def put(
    state: State,
    resource_id: str,
    sent: dict[str, Any],
    properties: dict[str, Any],
    scope: str | None = None,
    work: Callable[[Resource], None] = lambda resource: None,
) -> Response:
    """Begin to make or change a resource.

    Args:
        state: Where it is kept.
        resource_id: Its id.
        sent: The body; checked before.
        properties: What it shows from now on.
        scope: Id of the resource that nothing else may work on meanwhile; by default itself.
        work: What takes time. An `ArmError` that it raises leaves the resource `Failed`.

    Raises:
        ArmError: 409, while another operation works on `scope`.
    """
    with state.store.lock:
        state.operations.require_free(scope or resource_id)
        old = state.store.find(resource_id)
        shown = {**properties, "provisioningState": "Updating" if old else "Creating"}
        resource = state.store.put(resource_id, sent, shown)

    def finish() -> None:
        try:
            work(resource)
        except Exception:
            resource.properties["provisioningState"] = "Failed"
            raise
        resource.properties["provisioningState"] = "Succeeded"

    operation = state.operations.start(scope or resource_id, finish)
    return state.operations.accepted(operation, resource, 200 if old else 201)


def delete(
    state: State,
    resource_id: str,
    scope: str | None = None,
    work: Callable[[], None] = lambda: None,
) -> Response:
    """Begin to remove a resource and what is below it; 204 if there is none.

    Raises:
        ArmError: 409, while another operation works on `scope`.
    """
    resource = state.store.find(resource_id)
    if resource is None:
        return Response(status=204)
    state.operations.require_free(scope or resource_id)
    resource.properties["provisioningState"] = "Deleting"

    def finish() -> None:
        work()
        state.store.remove(resource_id)

    operation = state.operations.start(scope or resource_id, finish)
    return state.operations.accepted(operation, None, 202)
