"""Batch endpoints."""

from __future__ import annotations

from typing import Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from tests.cloud import names
from tests.cloud.arm import provisioning
from tests.cloud.arm.online_endpoints import check_name, identity_for
from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.errors import invalid_fields
from tests.cloud.schemas import Part, Text, parse, shown
from tests.cloud.state import current

COLLECTION = f"{WORKSPACE_ID}/batchEndpoints"
blueprint = Blueprint("batch_endpoints", __name__, url_prefix=COLLECTION)


class Defaults(Part):
    """Which deployment takes a request that names none."""

    deployment_name: Text | None = None


class BatchEndpoint(Part):
    """Properties of a batch endpoint."""

    auth_mode: Literal["AADToken"]
    description: Text | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    defaults: Defaults = Defaults()


@blueprint.get("")
def list_all() -> dict[str, Any]:
    return {"value": [r.body() for r in current().store.children(COLLECTION)]}


@blueprint.get("/<endpoint>")
def get(endpoint: str) -> dict[str, Any]:
    return current().store.get(f"{COLLECTION}/{endpoint}").body()


@blueprint.put("/<endpoint>")
def put(endpoint: str) -> Response:
    state, sent = current(), request.get_json()
    endpoint_id = f"{COLLECTION}/{endpoint}"
    check_name(state, endpoint, sent)
    wanted = parse(BatchEndpoint, sent.get("properties"))
    default = wanted.defaults.deployment_name
    if default and state.store.find(f"{endpoint_id}/deployments/{default}") is None:
        raise invalid_fields({"Defaults": [f"There is no deployment '{default}'."]})
    host = f"https://{endpoint.lower()}.{names.INFERENCE}"
    addresses = {"scoringUri": f"{host}/jobs", "swaggerUri": f"{host}/swagger.json"}
    kept = {**sent, "identity": identity_for(state.store.find(endpoint_id), sent)}
    return provisioning.put(state, endpoint_id, kept, {**shown(wanted), **addresses})


@blueprint.delete("/<endpoint>")
def delete(endpoint: str) -> Response:
    return provisioning.delete(current(), f"{COLLECTION}/{endpoint}")
