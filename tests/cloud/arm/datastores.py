"""The workspace's datastores and their secrets."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from tests.cloud import names
from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.azurite import ACCOUNT
from tests.cloud.errors import not_found
from tests.cloud.resources import Resource
from tests.cloud.state import current

DEFAULT = "workspaceblobstore"
blueprint = Blueprint("datastores", __name__, url_prefix=f"{WORKSPACE_ID}/datastores")


@blueprint.get("")
def list_all() -> dict[str, Any]:
    return {"value": [_default().body()]}


@blueprint.get("/<name>")
def get(name: str) -> dict[str, Any]:
    return named(name).body()


@blueprint.post("/<name>/listSecrets")
def secrets(name: str) -> dict[str, Any]:
    named(name)
    storage = current().storage
    return {"secretsType": "Sas", "sasToken": storage.sas(storage.container)}


def named(name: str) -> Resource:
    """The datastore of a name.

    Raises:
        ArmError: 404, if there is none.
    """
    if name != DEFAULT:
        raise not_found(f"The datastore '{name}'")
    return _default()


def _default() -> Resource:
    return Resource(
        f"{WORKSPACE_ID}/datastores/{DEFAULT}",
        {
            "datastoreType": "AzureBlob",
            "accountName": ACCOUNT,
            "containerName": current().storage.container,
            "endpoint": names.STORAGE.removeprefix("blob."),
            "protocol": "https",
            "isDefault": True,
            "credentials": {"credentialsType": "AccountKey"},
            "serviceDataAccessAuthIdentity": "None",
            "tags": {},
            "properties": {},
        },
    )
