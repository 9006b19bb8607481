"""Jobs of batch endpoints, as the management host shows them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from tests.cloud import batch_runs
from tests.cloud.arm.paths import JOBS, RUNS
from tests.cloud.state import current

blueprint = Blueprint("jobs", __name__, url_prefix=JOBS)


@blueprint.get("")
def list_all() -> dict[str, Any]:
    return {"value": [r.body() for r in current().store.children(JOBS)]}


@blueprint.get("/<job>")
def get(job: str) -> dict[str, Any]:
    store = current().store
    if store.find(f"{RUNS}/{job}") is not None and store.find(f"{JOBS}/{job}") is None:
        # Of the steps of a job, only the run history knows more than that they exist.
        return {"id": f"{JOBS}/{job}", "name": job, "properties": None}
    return store.get(f"{JOBS}/{job}").body()


@blueprint.post("/<job>/cancel")
def cancel(job: str) -> Response:
    batch_runs.cancel(current(), job)
    return Response(status=200)
