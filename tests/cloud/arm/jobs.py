"""Jobs of batch endpoints, as the management host shows them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.state import current

COLLECTION = f"{WORKSPACE_ID}/jobs"
RUNS = f"{WORKSPACE_ID}/runs"
blueprint = Blueprint("jobs", __name__, url_prefix=COLLECTION)


@blueprint.get("")
def list_all() -> dict[str, Any]:
    return {"value": [r.body() for r in current().store.children(COLLECTION)]}


@blueprint.get("/<job>")
def get(job: str) -> dict[str, Any]:
    store = current().store
    if store.find(f"{RUNS}/{job}") is not None and store.find(f"{COLLECTION}/{job}") is None:
        # Of the steps of a job, only the run history knows more than that they exist.
        return {"id": f"{COLLECTION}/{job}", "name": job, "properties": None}
    return store.get(f"{COLLECTION}/{job}").body()


@blueprint.post("/<job>/cancel")
def cancel(job: str) -> Response:
    from tests.cloud import batch_runs  # which names this collection

    batch_runs.cancel(current(), job)
    return Response(status=200)
