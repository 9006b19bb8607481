"""Assets that deployments name."""

from __future__ import annotations

import re

from tests.cloud.errors import ArmError, invalid_fields
from tests.cloud.resources import Resource
from tests.cloud.state import State

ASSET_ID = re.compile(
    r"(?:azureml:)?(/subscriptions/.+/workspaces/[^/]+/[^/]+/[^/]+/versions/[^/]+)"
)
REGISTRY_ID = re.compile(r"azureml://registries/([^/]+)/([^/]+)/([^/]+)/versions/([^/]+)")


def find_asset(state: State, reference: str, what: str) -> Resource:
    """The asset version of a resource id or registry address.

    Raises:
        ArmError: 400, if it is neither or there is no such version.
    """
    if match := ASSET_ID.fullmatch(reference):
        found = state.store.find(match[1])
    elif match := REGISTRY_ID.fullmatch(reference):
        registry, kind, name, version = match.groups()
        found = state.store.find(f"{state.registry_id(registry)}/{kind}/{name}/versions/{version}")
    else:
        raise invalid_fields({what.title(): [f"'{reference}' is no id of a {what} version."]})
    if found is None:
        raise ArmError(400, "BadRequest", f"The {what} '{reference}' does not exist.")
    return found
