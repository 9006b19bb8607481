"""What Azure ML demands of an online deployment, beyond its fields."""

from __future__ import annotations

from typing import Any

from tests.cloud.arm import skus
from tests.cloud.arm.references import find_asset
from tests.cloud.container import Recipe
from tests.cloud.errors import ArmError, invalid_fields
from tests.cloud.resources import Resource
from tests.cloud.schemas import DEPLOYMENT_NAME, MAX_TIMEOUT, Deployment, parse
from tests.cloud.state import State


def accept(
    state: State, endpoint: Resource, name: str, sent: dict[str, Any], old: Resource | None
) -> Deployment:
    """Check a deployment that was sent.

    Raises:
        ArmError: It is not valid, names what does not exist, or does not fit in the quota.
    """
    if not DEPLOYMENT_NAME.fullmatch(name):
        raise invalid_fields({"DeploymentName": [f"'{name}' does not match the pattern."]})
    if not sent.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required.")
    wanted = parse(Deployment, sent.get("properties"))
    count = (sent.get("sku") or {}).get("capacity")
    if not isinstance(count, int) or not 1 <= count <= 50:
        raise invalid_fields({"Sku.Capacity": [f"Instances must be 1 to 50, not {count}."]})
    limit = MAX_TIMEOUT[wanted.endpoint_compute_type]
    if wanted.request_settings.request_timeout > limit:
        raise invalid_fields({"RequestSettings.RequestTimeout": [f"Must be at most {limit}."]})
    if wanted.endpoint_compute_type == "Managed":
        skus.check(state, wanted.instance_type, count, old)
    if wanted.code_configuration is not None:
        find_asset(state, wanted.code_configuration.code_id, "code")
    if wanted.model is not None:
        find_asset(state, wanted.model, "model")
    for collection in wanted.data_collector.collections.values() if wanted.data_collector else ():
        find_asset(state, collection.data_id, "data asset")
    if wanted.environment_id is None:
        raise invalid_fields({"EnvironmentId": ["An environment is required."]})
    find_asset(state, wanted.environment_id, "environment")
    return wanted


def recipe(state: State, wanted: Deployment) -> Recipe:
    """What the deployment's container is made of.

    Raises:
        ArmError: The stand-in only runs deployments with a scoring script.
    """
    if wanted.code_configuration is None:
        raise ArmError(400, "NotImplemented", "The stand-in needs a code configuration.")
    code = find_asset(state, wanted.code_configuration.code_id, "code")
    model = find_asset(state, wanted.model, "model") if wanted.model else None
    environment = find_asset(state, wanted.environment_id or "", "environment")
    routes = environment.properties.get("inferenceConfig") or {}
    probe = wanted.liveness_probe
    return Recipe(
        code_uri=code.properties["codeUri"],
        script=wanted.code_configuration.scoring_script,
        model_uri=model.properties["modelUri"] if model else None,
        model_path="/".join(model.id.split("/")[-3::2]) if model else "",
        variables=tuple(sorted(wanted.environment_variables.items())),
        health=routes.get("livenessRoute", {}).get("path", "/"),
        start_timeout=(
            probe.initial_delay + probe.failure_threshold * probe.period
        ).total_seconds(),
    )
