"""Role assignments and definitions (Microsoft.Authorization)."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.cloud.arm.paths import SUBSCRIPTION, WORKSPACE_ID
from tests.cloud.errors import ArmError, not_found
from tests.cloud.state import current

# Azure's own ids of its built-in roles.
ROLES = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "AzureML Compute Operator": "e503ece1-11d0-4e8e-8e2c-7a6c3bf38815",
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
}
DEFINITIONS = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
blueprint = Blueprint("authorization", __name__)


def assignment(role: str, principal: str, scope: str = WORKSPACE_ID) -> dict[str, Any]:
    """A role assignment as ARM shows it."""
    name = str(uuid.uuid4())
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": f"{DEFINITIONS}/{ROLES[role]}",
            "principalId": principal,
            "principalType": "ServicePrincipal",
            "scope": scope,
        },
    }


@blueprint.get("/<path:scope>/providers/Microsoft.Authorization/roleAssignments")
def list_assignments(scope: str) -> dict[str, Any]:
    asked = f"/{scope}".lower()
    # At a scope one sees what is assigned at it, above it and below it.
    found = [
        a
        for a in current().role_assignments
        if asked.startswith(a["properties"]["scope"].lower())
        or a["properties"]["scope"].lower().startswith(asked)
    ]
    condition = request.args.get("$filter", "")
    if condition == "atScope()":
        found = [a for a in found if asked.startswith(a["properties"]["scope"].lower())]
    elif condition:
        field, _, value = condition.partition(" eq ")
        if field not in ("principalId",):
            raise ArmError(400, "UnsupportedQuery", f"The filter '{condition}' is not supported.")
        found = [a for a in found if a["properties"][field] == value.strip("'")]
    return {"value": found}


@blueprint.get("/<path:scope>/providers/Microsoft.Authorization/roleDefinitions")
def list_definitions(scope: str) -> dict[str, Any]:
    field, _, value = request.args.get("$filter", "").partition(" eq ")
    names = [n for n in ROLES if field != "roleName" or n == value.strip("'")]
    return {"value": [_definition(name) for name in names]}


@blueprint.get("/<path:scope>/providers/Microsoft.Authorization/roleDefinitions/<role>")
def get_definition(scope: str, role: str) -> Response:
    for name, role_id in ROLES.items():
        if role_id == role:
            return jsonify(_definition(name))
    raise not_found(f"The role definition '{role}'")


def _definition(name: str) -> dict[str, Any]:
    return {
        "id": f"{DEFINITIONS}/{ROLES[name]}",
        "name": ROLES[name],
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {"roleName": name, "type": "BuiltInRole", "assignableScopes": ["/"]},
    }
