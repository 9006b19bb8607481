"""Batch deployments: what a job of a batch endpoint runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from tests.cloud.arm import provisioning
from tests.cloud.arm.batch_endpoints import COLLECTION
from tests.cloud.arm.references import find_asset
from tests.cloud.errors import ArmError, invalid_fields
from tests.cloud.schemas import (
    DEPLOYMENT_NAME,
    CodeConfiguration,
    Duration,
    Part,
    Text,
    Texts,
    parse,
    shown,
)
from tests.cloud.state import current

blueprint = Blueprint(
    "batch_deployments", __name__, url_prefix=f"{COLLECTION}/<endpoint>/deployments"
)


class ModelReference(Part):
    """A model version."""

    reference_type: Literal["Id"]
    asset_id: Text


class Resources(Part):
    """Nodes of a job."""

    instance_count: Annotated[int, Field(ge=1)] = 1
    instance_type: Text | None = None
    properties: dict[str, Any] | None = None


class RetrySettings(Part):
    """What becomes of a mini-batch that fails."""

    max_retries: Annotated[int, Field(ge=0)] = 3
    timeout: Duration = timedelta(seconds=30)


class BatchDeployment(Part):
    """Properties of a model deployment of a batch endpoint (2024-01-01-preview)."""

    compute: Text
    model: ModelReference
    description: Text | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    code_configuration: CodeConfiguration | None = None
    environment_id: Text | None = None
    environment_variables: Texts = Field(default_factory=dict)
    error_threshold: Annotated[int, Field(ge=-1)] = -1
    logging_level: Literal["Info", "Warning", "Debug"] = "Info"
    max_concurrency_per_instance: Annotated[int, Field(ge=1)] = 1
    mini_batch_size: Annotated[int, Field(ge=1)] = 10
    output_action: Literal["AppendRow", "SummaryOnly"] = "AppendRow"
    output_file_name: Text = "predictions.csv"
    resources: Resources = Resources()
    retry_settings: RetrySettings = RetrySettings()


@blueprint.get("")
def list_all(endpoint: str) -> dict[str, Any]:
    store = current().store
    owner = store.get(f"{COLLECTION}/{endpoint}")
    return {"value": [r.body() for r in store.children(f"{owner.id}/deployments")]}


@blueprint.get("/<deployment>")
def get(endpoint: str, deployment: str) -> dict[str, Any]:
    return current().store.get(f"{COLLECTION}/{endpoint}/deployments/{deployment}").body()


@blueprint.put("/<deployment>")
def put(endpoint: str, deployment: str) -> Response:
    state, sent = current(), request.get_json()
    owner = state.store.get(f"{COLLECTION}/{endpoint}")
    if not DEPLOYMENT_NAME.fullmatch(deployment):
        raise invalid_fields({"DeploymentName": [f"'{deployment}' does not match the pattern."]})
    if not sent.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required.")
    wanted = parse(BatchDeployment, sent.get("properties"))
    if state.store.find(wanted.compute) is None:
        raise invalid_fields({"Compute": [f"'{wanted.compute}' does not exist."]})
    find_asset(state, wanted.model.asset_id, "model")
    if wanted.code_configuration is not None:
        find_asset(state, wanted.code_configuration.code_id, "code")
    if wanted.environment_id is not None:
        find_asset(state, wanted.environment_id, "environment")
    deployment_id = f"{owner.id}/deployments/{deployment}"
    return provisioning.put(state, deployment_id, sent, shown(wanted), scope=owner.id)


@blueprint.delete("/<deployment>")
def delete(endpoint: str, deployment: str) -> Response:
    state = current()
    owner = state.store.get(f"{COLLECTION}/{endpoint}")
    if owner.properties["defaults"].get("deploymentName") == deployment:
        raise ArmError(400, "BadRequest", f"'{deployment}' is the endpoint's default deployment.")
    return provisioning.delete(state, f"{owner.id}/deployments/{deployment}", scope=owner.id)
