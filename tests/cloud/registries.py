"""The registry hosts: where a registry is, and its assets."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from tests.cloud import names, tokens
from tests.cloud.arm import assets, checks
from tests.cloud.errors import ArmError, not_found
from tests.cloud.state import REGISTRY, REGISTRY_ID, WORKSPACE, current

PREFIX = "/mferp/managementfrontend"
discovery = Blueprint("discovery", __name__)
data_references = Blueprint("data_references", __name__, url_prefix=f"{PREFIX}{REGISTRY_ID}")


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
    parts = [data_references, assets.blueprint("registry_assets", REGISTRY_ID, PREFIX)]
    for part in parts:
        part.before_request(checks.check_request)
    return [discovery, *parts]
