"""Assets that deployments name."""

from __future__ import annotations

import re

from tests.cloud.errors import ArmError, invalid_fields
from tests.cloud.resources import Resource
from tests.cloud.state import REGISTRY, REGISTRY_ID, State

ASSET_ID = re.compile(
    r"(?:azureml:)?(/subscriptions/.+/workspaces/[^/]+/[^/]+/[^/]+/versions/[^/]+)"
)
REGISTRY_ADDRESS = re.compile(
    r"azureml://registries/([^/]+)/([^/]+)/([^/]+)/(versions|labels)/([^/]+)"
)


def find_asset(state: State, reference: str, what: str) -> Resource:
    """The asset version of a resource id or registry address.

    Raises:
        ArmError: 400, if it is neither or there is no such version.
    """
    if match := ASSET_ID.fullmatch(reference):
        found = state.store.find(match[1])
    elif match := REGISTRY_ADDRESS.fullmatch(reference):
        found = _in_registry(state, *match.groups())
    else:
        raise invalid_fields({what.title(): [f"'{reference}' is no id of a {what} version."]})
    if found is None:
        raise ArmError(400, "BadRequest", f"The {what} '{reference}' does not exist.")
    return found


def _in_registry(
    state: State, registry: str, kind: str, name: str, by: str, which: str
) -> Resource | None:
    if registry != REGISTRY:
        return None
    versions = f"{REGISTRY_ID}/{kind}/{name}/versions"
    if by == "versions":
        return state.store.find(f"{versions}/{which}")
    return state.store.children(versions)[-1] if which == "latest" else None
