"""Compute clusters, and attached Kubernetes clusters."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field, model_validator

from tests.cloud.arm import provisioning, skus
from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.errors import ArmError
from tests.cloud.schemas import Part, parse, shown
from tests.cloud.state import current

COLLECTION = f"{WORKSPACE_ID}/computes"
blueprint = Blueprint("computes", __name__, url_prefix=COLLECTION)


class ScaleSettings(Part):
    """How many nodes."""

    min_node_count: Annotated[int, Field(ge=0)] = 0
    max_node_count: Annotated[int, Field(ge=1)]
    node_idle_time_before_scale_down: timedelta = timedelta(seconds=120)

    @model_validator(mode="after")
    def _in_order(self) -> ScaleSettings:
        if self.min_node_count > self.max_node_count:
            raise ValueError("minNodeCount is above maxNodeCount")
        return self


class Cluster(Part):
    """Properties of an AmlCompute cluster."""

    vm_size: str
    vm_priority: Literal["Dedicated", "LowPriority"] = "Dedicated"
    scale_settings: ScaleSettings
    os_type: Literal["Linux", "Windows"] = "Linux"
    remote_login_port_public_access: Literal["Enabled", "Disabled", "NotSpecified"] = "NotSpecified"
    isolated_network: bool = False
    enable_node_public_ip: bool = True
    subnet: dict[str, Any] | None = None
    user_account_credentials: dict[str, Any] | None = None


@blueprint.get("")
def list_all() -> dict[str, Any]:
    return {"value": [r.body() for r in current().store.children(COLLECTION)]}


@blueprint.get("/<compute>")
def get(compute: str) -> dict[str, Any]:
    return current().store.get(f"{COLLECTION}/{compute}").body()


@blueprint.put("/<compute>")
def put(compute: str) -> Response:
    sent = request.get_json()
    properties = sent.get("properties") or {}
    kind = properties.get("computeType")
    if kind not in ("AmlCompute", "Kubernetes"):
        raise ArmError(400, "BadRequest", f"Not a compute type of the stand-in: {kind}.")
    if kind == "AmlCompute":
        cluster = parse(Cluster, properties.get("properties"))
        if cluster.vm_size.lower() not in skus.SKUS:
            raise ArmError(400, "BadRequest", f"Unknown vmSize: {cluster.vm_size}.")
        properties = {**properties, "properties": {**shown(cluster), **_nodes(cluster)}}
    properties = {**properties, "computeLocation": sent.get("location")}
    return provisioning.put(current(), f"{COLLECTION}/{compute}", sent, properties)


@blueprint.delete("/<compute>")
def delete(compute: str) -> Response:
    if request.args.get("underlyingResourceAction") not in ("Delete", "Detach"):
        raise ArmError(400, "BadRequest", "underlyingResourceAction must be Delete or Detach.")
    return provisioning.delete(current(), f"{COLLECTION}/{compute}")


def _nodes(cluster: Cluster) -> dict[str, Any]:
    return {
        "allocationState": "Steady",
        "currentNodeCount": cluster.scale_settings.min_node_count,
        "targetNodeCount": cluster.scale_settings.min_node_count,
    }
