"""Versioned assets of a workspace or registry: models, environments, code, components, data."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.cloud.arm import asset_rules
from tests.cloud.errors import ArmError, not_found
from tests.cloud.resources import Resource, Store
from tests.cloud.state import current

KINDS = "any(models, environments, codes, components, data)"


def blueprint(name: str, scope: str, prefix: str = "") -> Blueprint:
    """The views of one workspace's or registry's assets.

    Args:
        name: Of the blueprint.
        scope: Resource id of the workspace or registry.
        prefix: What paths have before it.
    """
    views = Blueprint(name, __name__, url_prefix=prefix + scope)

    @views.get(f"/<{KINDS}:kind>")
    def list_containers(kind: str) -> dict[str, Any]:
        return {"value": [r.body() for r in current().store.children(f"{scope}/{kind}")]}

    @views.get(f"/<{KINDS}:kind>/<asset>")
    def get_container(kind: str, asset: str) -> dict[str, Any]:
        return _container(scope, kind, asset).body()

    @views.put(f"/<{KINDS}:kind>/<asset>")
    def put_container(kind: str, asset: str) -> dict[str, Any]:
        sent = request.get_json()
        container = _container(scope, kind, asset)
        container.properties["isArchived"] = sent["properties"].get("isArchived", False)
        return container.body()

    @views.get(f"/<{KINDS}:kind>/<asset>/versions")
    def list_versions(kind: str, asset: str) -> dict[str, Any]:
        found = _versions(scope, kind, asset)
        if "hash" in request.args:  # asks for the same files, under whatever name
            assets = current().store.children(f"{scope}/{kind}")
            found = [v for a in assets for v in _versions(scope, kind, a.name)]
        return {"value": [r.body() for r in _select(found)]}

    @views.get(f"/<{KINDS}:kind>/<asset>/versions/<version>")
    def get_version(kind: str, asset: str, version: str) -> dict[str, Any]:
        return current().store.get(_version_id(scope, kind, asset, version)).body()

    @views.put(f"/<{KINDS}:kind>/<asset>/versions/<version>")
    def put_version(kind: str, asset: str, version: str) -> Response:
        state = current()
        version_id = _version_id(scope, kind, asset, version)
        with state.store.lock:
            old = state.store.find(version_id)
            sent = request.get_json()
            shown = asset_rules.accept(kind, asset, sent, old, state.storage)
            resource = state.store.put(version_id, {}, shown)
            _update_container(state.store, scope, kind, asset)
        answer = jsonify(resource.body())
        answer.status_code = 201 if old is None else 200
        return answer

    @views.delete(f"/<{KINDS}:kind>/<asset>/versions/<version>")
    def delete_version(kind: str, asset: str, version: str) -> Response:
        store = current().store
        version_id = _version_id(scope, kind, asset, version)
        if store.find(version_id) is None:
            return Response(status=204)
        store.remove(version_id)
        return Response(status=200)

    @views.post(f"/<{KINDS}:kind>/<asset>/versions/<version>/startPendingUpload")
    def start_pending_upload(kind: str, asset: str, version: str) -> dict[str, Any]:
        upload_type = request.get_json().get("pendingUploadType")
        if upload_type != "TemporaryBlobReference":
            raise ArmError(400, "UserError", f"Unknown pendingUploadType: {upload_type}.")
        reference = current().storage.upload_reference()
        return {
            "pendingUploadId": reference["blobUri"].rpartition("/")[2],
            "pendingUploadType": upload_type,
            "blobReferenceForConsumption": reference,
        }

    return views


def _version_id(scope: str, kind: str, asset: str, version: str) -> str:
    return f"{scope}/{kind}/{asset}/versions/{version}"


def _versions(scope: str, kind: str, asset: str) -> list[Resource]:
    return current().store.children(f"{scope}/{kind}/{asset}/versions")


def _container(scope: str, kind: str, asset: str) -> Resource:
    container = current().store.find(f"{scope}/{kind}/{asset}")
    if container is None:
        raise not_found(f"The asset container '{asset}'")
    return container


def _update_container(store: Store, scope: str, kind: str, asset: str) -> None:
    names = [v.name for v in store.children(f"{scope}/{kind}/{asset}/versions")]
    numbers = [int(name) for name in names if name.isdecimal()]
    old = store.find(f"{scope}/{kind}/{asset}")
    shown = old.properties if old else {"isArchived": False, "tags": {}, "properties": {}}
    latest = {"latestVersion": names[-1], "nextVersion": str(max(numbers, default=0) + 1)}
    store.put(f"{scope}/{kind}/{asset}", {}, {**shown, **latest})


def _select(versions: list[Resource]) -> list[Resource]:
    """What the request's query asks for, newest first."""
    query = request.args
    view = query.get("listViewType", "ActiveOnly")
    if view != "All":
        wanted_archived = view == "ArchivedOnly"
        versions = [v for v in versions if bool(v.properties.get("isArchived")) == wanted_archived]
    if "hash" in query:
        wanted = query["hash"]
        versions = [
            v for v in versions if v.properties.get("properties", {}).get("hash_sha256") == wanted
        ]
    for name in ("tags", "properties"):
        for pair in filter(None, query.get(name, "").split(",")):
            key, equals, value = pair.partition("=")
            versions = [
                v
                for v in versions
                if key in (v.properties.get(name) or {})
                and (not equals or v.properties[name][key] == value)
            ]
    order = query.get("$orderBy", "createdtime desc").lower()
    if "desc" in order:
        versions = versions[::-1]
    return versions[: int(query["$top"])] if "$top" in query else versions
