"""Online endpoints: creation, traffic, keys, deletion."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from flask import Blueprint, Response, request

from tests.cloud import names, tokens
from tests.cloud.arm import provisioning, workspaces
from tests.cloud.arm.authorization import assignment
from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.errors import ArmError, invalid_fields
from tests.cloud.resources import Resource
from tests.cloud.schemas import ENDPOINT_NAME, Endpoint, parse, shown
from tests.cloud.state import State, current

COLLECTION = f"{WORKSPACE_ID}/onlineEndpoints"
blueprint = Blueprint("online_endpoints", __name__, url_prefix=COLLECTION)


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
    if (sent.get("identity") or {}).get("type") not in ("SystemAssigned", "UserAssigned"):
        raise invalid_fields({"Identity": ["A managed online endpoint needs an identity."]})
    wanted = parse(Endpoint, sent.get("properties"))
    check_traffic(state, endpoint_id, wanted)
    if wanted.compute is not None and state.store.find(wanted.compute) is None:
        raise invalid_fields({"Compute": [f"'{wanted.compute}' does not exist."]})
    old = state.store.find(endpoint_id)
    state.operations.require_free(endpoint_id)
    if old is None:
        state.keys[endpoint_id.lower()] = [secrets.token_hex(16), secrets.token_hex(16)]
    kept = {**sent, "kind": wanted.kind, "identity": identity_for(old, sent)}
    if old is None:
        give_roles(state, kept["identity"])
    return provisioning.put(state, endpoint_id, kept, {**shown(wanted), **_addresses(endpoint)})


@blueprint.delete("/<endpoint>")
def delete(endpoint: str) -> Response:
    state = current()
    endpoint_id = f"{COLLECTION}/{endpoint}"

    def stop() -> None:
        for deployment in state.store.children(f"{endpoint_id}/deployments"):
            state.stop_container(deployment.id)

    return provisioning.delete(state, endpoint_id, work=stop)


@blueprint.post("/<endpoint>/listKeys")
def list_keys(endpoint: str) -> dict[str, str]:
    resource = _with_auth_mode(endpoint, "Key")
    primary, secondary = current().keys[resource.id.lower()]
    return {"primaryKey": primary, "secondaryKey": secondary}


@blueprint.post("/<endpoint>/regenerateKeys")
def regenerate_keys(endpoint: str) -> Response:
    resource = _with_auth_mode(endpoint, "Key")
    state, which = current(), request.get_json().get("keyType")
    if which not in ("Primary", "Secondary"):
        raise ArmError(400, "BadRequest", f"Unknown keyType: {which}.")

    def finish() -> None:
        state.keys[resource.id.lower()][which == "Secondary"] = secrets.token_hex(16)

    return state.operations.accepted(state.operations.start(resource.id, finish), None, 202)


@blueprint.post("/<endpoint>/token")
def token(endpoint: str) -> dict[str, Any]:
    resource = _with_auth_mode(endpoint, "AMLToken")
    lifetime = current().token_seconds
    return {
        "accessToken": tokens.issue(resource.id.lower(), lifetime=lifetime),
        "expiryTimeUtc": 0,
        "refreshAfterTimeUtc": 0,
        "tokenType": "Bearer",
    }


def check_name(state: State, endpoint: str, sent: dict[str, Any]) -> None:
    """Refuse an endpoint, online or batch, whose name cannot be, or that is nowhere."""
    if not ENDPOINT_NAME.fullmatch(endpoint):
        raise invalid_fields({"EndpointName": [f"'{endpoint}' does not match the pattern."]})
    if endpoint.lower() in state.taken_names:
        message = "There is already an endpoint with this name, it needs to be unique in a region."
        raise invalid_fields({"EndpointName": [message]})
    if not sent.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required.")


def check_traffic(state: State, endpoint_id: str, wanted: Endpoint) -> None:
    """Refuse traffic that adds up to neither 0 nor 100 or goes to what cannot take it."""
    total = sum(wanted.traffic.values())
    if total not in (0, 100):
        raise invalid_fields({"Traffic": [f"Percentages must add up to 0 or 100, not {total}."]})
    if len(wanted.mirror_traffic) > 1:
        raise invalid_fields({"MirrorTraffic": ["Only one deployment can be mirrored to."]})
    for field, rules in (("Traffic", wanted.traffic), ("MirrorTraffic", wanted.mirror_traffic)):
        for name, percent in rules.items():
            deployment = state.store.find(f"{endpoint_id}/deployments/{name}")
            if percent and (deployment is None or deployment.state != "Succeeded"):
                raise invalid_fields({field: [f"There is no healthy deployment '{name}'."]})
    both = {n for n, p in wanted.mirror_traffic.items() if p and wanted.traffic.get(n)}
    if both:
        raise invalid_fields({"MirrorTraffic": [f"'{both.pop()}' takes live traffic already."]})


def _with_auth_mode(endpoint: str, mode: str) -> Resource:
    resource = current().store.get(f"{COLLECTION}/{endpoint}")
    if resource.properties["authMode"] != mode:
        raise ArmError(400, "BadRequest", f"The endpoint's auth mode is not {mode}.")
    return resource


def _addresses(endpoint: str) -> dict[str, str]:
    host = f"https://{endpoint.lower()}.{names.INFERENCE}"
    return {"scoringUri": f"{host}/score", "swaggerUri": f"{host}/swagger.json"}


def identity_for(old: Resource | None, sent: dict[str, Any]) -> dict[str, Any]:
    """The identity that an endpoint shows: its own, kept when it is changed, or the one given."""
    wanted = sent.get("identity") or {"type": "SystemAssigned"}
    if wanted["type"] == "UserAssigned":
        return dict(wanted)
    if old is not None and old.fields["identity"]["type"] == "SystemAssigned":
        return dict(old.fields["identity"])
    return {"type": "SystemAssigned", "principalId": str(uuid.uuid4()), "tenantId": tokens.TENANT}


def give_roles(state: State, identity: dict[str, Any]) -> None:
    """Give an endpoint's own identity, when it is made, the roles that Azure gives it."""
    if identity["type"] != "SystemAssigned":
        return
    properties = workspaces.properties()
    for role, resource in (
        ("AcrPull", "containerRegistry"),
        ("Storage Blob Data Reader", "storageAccount"),
    ):
        state.role_assignments.append(
            assignment(role, identity["principalId"], properties[resource])
        )
