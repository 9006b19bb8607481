"""Online deployments: each is a real inference server once its operation has ended."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from tests.cloud.arm import provisioning
from tests.cloud.arm.deployment_rules import accept, recipe
from tests.cloud.arm.online_endpoints import COLLECTION
from tests.cloud.container import Container
from tests.cloud.errors import ArmError, invalid_fields
from tests.cloud.resources import Resource
from tests.cloud.schemas import Deployment, shown
from tests.cloud.state import State, current

blueprint = Blueprint(
    "online_deployments", __name__, url_prefix=f"{COLLECTION}/<endpoint>/deployments"
)
UNRECOVERABLE = (
    "Specified deployment [{}] failed during initial provisioning and is in an unrecoverable "
    "state. Delete and re-create."
)


@blueprint.get("")
def list_all(endpoint: str) -> dict[str, Any]:
    store = current().store
    owner = store.get(f"{COLLECTION}/{endpoint}")
    return {"value": [r.body() for r in store.children(f"{owner.id}/deployments")]}


@blueprint.get("/<deployment>")
def get(endpoint: str, deployment: str) -> dict[str, Any]:
    return _get(endpoint, deployment).body()


@blueprint.put("/<deployment>")
def put(endpoint: str, deployment: str) -> Response:
    state, sent = current(), request.get_json()
    owner = state.store.get(f"{COLLECTION}/{endpoint}")
    deployment_id = f"{owner.id}/deployments/{deployment}"
    old = state.store.find(deployment_id)
    state.operations.require_free(owner.id)
    if old is not None and old.state == "Failed" and old.id.lower() not in state.containers:
        raise invalid_fields({"": [UNRECOVERABLE.format(deployment)]})
    wanted = accept(state, owner, deployment, sent, old)
    properties = shown(wanted)
    properties["properties"]["azureml.onlineendpointid"] = owner.id
    return provisioning.put(
        state,
        deployment_id,
        {**sent, "kind": wanted.endpoint_compute_type},
        properties,
        scope=owner.id,
        work=lambda resource: _replace_container(state, resource, wanted),
    )


@blueprint.delete("/<deployment>")
def delete(endpoint: str, deployment: str) -> Response:
    state = current()
    owner = state.store.get(f"{COLLECTION}/{endpoint}")
    resource = state.store.find(f"{owner.id}/deployments/{deployment}")
    if resource is None:
        return Response(status=204)
    for field in ("traffic", "mirrorTraffic"):
        if owner.properties[field].get(resource.name):
            raise ArmError(
                400,
                "BadRequest",
                f"Deployment '{resource.name}' has {field} and cannot be deleted. Set it to 0.",
            )
    return provisioning.delete(
        state, resource.id, scope=owner.id, work=lambda: state.stop_container(resource.id)
    )


@blueprint.post("/<deployment>/getLogs")
def logs(endpoint: str, deployment: str) -> dict[str, str]:
    resource = _get(endpoint, deployment)
    sent = request.get_json()
    kind = sent.get("containerType") or "InferenceServer"
    if kind not in ("InferenceServer", "StorageInitializer"):
        raise ArmError(400, "BadRequest", f"Unknown containerType: {kind}.")
    state, lines = current(), int(sent.get("tail") or 500)
    if kind == "StorageInitializer":
        return {"content": ""}
    return {"content": state.log_of(resource.id, lines)}


@blueprint.get("/<deployment>/skus")
def skus(endpoint: str, deployment: str) -> dict[str, Any]:
    _get(endpoint, deployment)
    capacity = {"minimum": 1, "maximum": 50, "default": 1, "scaleType": "Automatic"}
    return {
        "value": [
            {
                "resourceType": "Microsoft.MachineLearning.Services/endpoints/deployments",
                "sku": {"name": "Default"},
                "capacity": capacity,
            }
        ]
    }


def _get(endpoint: str, deployment: str) -> Resource:
    return current().store.get(f"{COLLECTION}/{endpoint}/deployments/{deployment}")


def _replace_container(state: State, resource: Resource, wanted: Deployment) -> None:
    """Start the container, unless the one that runs is of the same recipe."""
    planned = state.failures.get(resource.name)
    if planned is not None:
        state.logs[resource.id.lower()] = planned.log
        raise ArmError(400, planned.code, planned.message)
    ingredients = recipe(state, wanted)
    running = state.containers.get(resource.id.lower())
    if running is not None and running.recipe == ingredients:
        return
    container = Container(ingredients, state.new_folder())
    try:
        container.start(state.storage)
    except ArmError:
        state.logs[resource.id.lower()] = container.log(10_000)
        raise
    state.stop_container(resource.id)
    state.containers[resource.id.lower()] = container
