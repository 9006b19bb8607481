"""Looking up registered models and environments."""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import ResourceNotFoundError


def find_asset(assets: Any, reference: str) -> Any | None:
    """Look up one version of an asset.

    Args:
        assets: `models` or `environments` of the SDK's client.
        reference: `name:version` or `name@label`, with `azureml:` before it or without.

    Returns:
        The asset, or None if the workspace does not have it.
    """
    from azure.ai.ml.exceptions import ValidationErrorType, ValidationException

    reference = reference.removeprefix("azureml:")
    try:
        if "@" in reference:
            name, label = reference.split("@", 1)
            return assets.get(name, label=label)
        name, _, version = reference.partition(":")
        return assets.get(name, version)
    except ResourceNotFoundError:
        return None
    except ValidationException as error:  # the SDK's way of saying so for a label
        if error.error_type != ValidationErrorType.RESOURCE_NOT_FOUND:
            raise
        return None
