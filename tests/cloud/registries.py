"""The regional hosts: where services and registries are, a registry's assets, jobs and runs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from tests.cloud import names, run_history, tokens
from tests.cloud.arm import assets, batch_endpoints, checks
from tests.cloud.arm.paths import JOBS
from tests.cloud.errors import ArmError, not_found
from tests.cloud.state import REGISTRY, REGISTRY_ID, WORKSPACE, current

PREFIX = "mferp/managementfrontend"
discovery = Blueprint("discovery", __name__)
data_references = Blueprint("data_references", __name__, url_prefix=f"/{PREFIX}{REGISTRY_ID}")


@discovery.get("/registrymanagement/v1.0/registries/<registry>/discovery")
def discover(registry: str) -> dict[str, Any]:
    checks.check_token()
    if registry != REGISTRY:
        raise not_found(f"The registry '{registry}'")
    return {
        "registryName": REGISTRY,
        "tenantId": tokens.TENANT,
        "primaryRegion": names.REGION,
        "regions": [names.REGION],
        "registryFqdns": {names.REGION: names.REGISTRIES},
        "subscriptionId": WORKSPACE.subscription,
        "resourceGroup": WORKSPACE.resource_group,
        "primaryRegionResourceProviderUri": f"https://{names.REGISTRIES}/",
    }


@discovery.get("/discovery")
def services() -> dict[str, str]:
    """Where the services of the workspace's region are; asked without a token."""
    return {"api": f"https://{names.REGISTRIES}", "mlflow": f"https://{names.REGISTRIES}"}


@discovery.get(f"/{PREFIX}{batch_endpoints.COLLECTION}/<endpoint>/jobs")
def batch_jobs(endpoint: str) -> dict[str, Any]:
    if not tokens.accepts(request.headers.get("Authorization"), "https://ml.azure.com"):
        raise ArmError(401, "Unauthorized", "A token for https://ml.azure.com is needed.")
    store = current().store
    name = store.get(f"{batch_endpoints.COLLECTION}/{endpoint}").name
    found = store.children(JOBS)
    return {"value": [j.body() for j in found if j.properties["properties"]["endpoint"] == name]}


@data_references.put("/tempdatarefs/<name>/versions/<version>")
def temporary_reference(name: str, version: str) -> dict[str, Any]:
    """Where to upload the files of a version that is about to be made."""
    state, sent = current(), request.get_json()
    # azureml://registries/<registry>/<kind>/<name>/versions/<version>
    kind = str(sent.get("assetId", "")).split("/")[4:5]
    if sent.get("temporaryDataReferenceType") != "TemporaryBlobReference" or not kind:
        raise ArmError(400, "UserError", "A temporary data reference needs its type and assetId.")
    if state.store.find(f"{REGISTRY_ID}/{kind[0]}/{name}/versions/{version}") is not None:
        raise ArmError(409, "Conflict", f"The asset {name}:{version} exists already.")
    return {"blobReferenceForConsumption": state.storage.upload_reference()}


def blueprints() -> list[Blueprint]:
    """The views."""
    parts = [data_references, assets.blueprint("registry_assets", REGISTRY_ID, f"/{PREFIX}")]
    for part in parts:
        part.before_request(checks.check_request)
    return [discovery, *run_history.blueprints(), *parts]
