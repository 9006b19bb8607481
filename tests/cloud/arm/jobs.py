"""Jobs of batch endpoints, as the management host shows them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.state import current

COLLECTION = f"{WORKSPACE_ID}/jobs"
blueprint = Blueprint("jobs", __name__, url_prefix=COLLECTION)


@blueprint.get("")
def list_all() -> dict[str, Any]:
    return {"value": [r.body() for r in current().store.children(COLLECTION)]}


@blueprint.get("/<job>")
def get(job: str) -> dict[str, Any]:
    return current().store.get(f"{COLLECTION}/{job}").body()
