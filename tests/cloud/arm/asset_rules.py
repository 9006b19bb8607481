"""What Azure ML demands of an asset version, and what it shows of it."""

from __future__ import annotations

import re
from typing import Any

from tests.cloud.errors import ArmError
from tests.cloud.resources import Resource
from tests.cloud.storage import Storage

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
MODEL_TYPES = {"custom_model", "mlflow_model", "triton_model"}
# What may be changed in a version that exists; everything else is there for good.
CHANGEABLE = {"description", "tags", "properties", "isArchived", "stage"}


def accept(
    kind: str, name: str, sent: dict[str, Any], old: Resource | None, storage: Storage
) -> dict[str, Any]:
    """Check a version that was sent.

    Args:
        kind: `models`, `environments`, `codes`, `components` or `data`.
        name: Of the asset.
        sent: The body.
        old: The version as it exists, if it does.
        storage: Where its files must be.

    Returns:
        The properties that it shows from now on.

    Raises:
        ArmError: It is not valid, or would change what cannot be changed.
    """
    properties = sent.get("properties")
    if not isinstance(properties, dict):
        raise ArmError(400, "UserError", "The request body has no properties.")
    if not NAME.fullmatch(name):
        raise ArmError(400, "UserError", f"Invalid asset name: {name}.")
    properties = {key: value for key, value in properties.items() if value is not None}
    for field in ("tags", "properties"):
        properties[field] = _texts(field, properties.get(field, {}))
    properties.setdefault("isArchived", False)
    properties.setdefault("isAnonymous", False)
    if kind == "models":
        _check_model(properties, storage)
    elif kind == "codes":
        _check_files("codeUri", properties, storage)
    elif kind == "environments":
        _check_environment(properties, storage)
    properties["provisioningState"] = "Succeeded"
    if old is not None:
        _check_unchanged(kind, old.properties, properties)
    return properties


def _check_model(properties: dict[str, Any], storage: Storage) -> None:
    _check_files("modelUri", properties, storage)
    model_type = properties.setdefault("modelType", "custom_model")
    if model_type not in MODEL_TYPES:
        raise ArmError(400, "UserError", f"Unknown modelType: {model_type}.")
    properties.setdefault("flavors", {})
    properties.setdefault("stage", "None")


def _check_environment(properties: dict[str, Any], storage: Storage) -> None:
    build, image = properties.get("build"), properties.get("image")
    if (build is None) == (image is None):
        raise ArmError(400, "UserError", "An environment has either an image or a build context.")
    if build is not None:
        _check_files("contextUri", build, storage)
        dockerfile = build.setdefault("dockerfilePath", "Dockerfile")
        if not any(n.endswith("/" + dockerfile) for n in storage.files(build["contextUri"])):
            raise ArmError(400, "UserError", f"The build context has no {dockerfile}.")
    inference = properties.get("inferenceConfig")
    for route in ("livenessRoute", "readinessRoute", "scoringRoute"):
        if inference and not {"path", "port"} <= set(inference.get(route) or {}):
            raise ArmError(400, "UserError", f"inferenceConfig.{route} needs path and port.")
    properties.setdefault("environmentType", "UserCreated")
    properties.setdefault("osType", "Linux")


def _check_files(field: str, properties: dict[str, Any], storage: Storage) -> None:
    uri = properties.get(field)
    if not isinstance(uri, str) or storage.locate(uri) is None:
        raise ArmError(400, "UserError", f"{field} is no address of a datastore: {uri}.")
    if not storage.files(uri):
        raise ArmError(400, "UserError", f"There is nothing at {field} {uri}.")


def _texts(field: str, values: Any) -> dict[str, str]:
    """Texts by name; the service writes numbers as texts too, and drops what is null."""
    if not isinstance(values, dict):
        raise ArmError(400, "UserError", f"{field} must be an object.")
    if any(isinstance(value, dict | list) for value in values.values()):
        raise ArmError(400, "UserError", f"Every value in {field} must be a string.")
    return {key: str(value) for key, value in values.items() if value is not None}


def _check_unchanged(kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    for field in sorted((set(old) | set(new)) - CHANGEABLE):
        if old.get(field) != new.get(field):
            message = (
                "Asset paths cannot be updated."
                if field.endswith("Uri")
                else f"A version is immutable: '{field}' of this one of the {kind} cannot change."
            )
            raise ArmError(400, "UserError", message)
