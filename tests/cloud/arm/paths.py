"""Where things are in Azure Resource Manager."""

from __future__ import annotations

import re

from tests.cloud.errors import ArmError
from tests.cloud.state import WORKSPACE

SUBSCRIPTION = f"/subscriptions/{WORKSPACE.subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{WORKSPACE.resource_group}"
WORKSPACE_ID = WORKSPACE.arm_id
JOBS = f"{WORKSPACE_ID}/jobs"
RUNS = f"{WORKSPACE_ID}/runs"
PROVIDER = "Microsoft.MachineLearningServices"
LOCATION = f"{SUBSCRIPTION}/providers/{PROVIDER}/locations"

ANY_WORKSPACE = re.compile(
    f"{SUBSCRIPTION}/resourceGroups/([^/]+)/providers/{PROVIDER}/workspaces/([^/]+)"
)

# Azure does not mind the letter case of these; clients write them in several ways.
SPELLINGS = (
    (re.compile("/resourcegroups/", re.IGNORECASE), "/resourceGroups/"),
    (re.compile("/providers/microsoft.insights/", re.IGNORECASE), "/providers/Microsoft.Insights/"),
    (
        re.compile("/providers/microsoft.authorization/", re.IGNORECASE),
        "/providers/Microsoft.Authorization/",
    ),
)


def canonical(path: str) -> str:
    """A path with the spelling that the views have."""
    for pattern, spelling in SPELLINGS:
        path = pattern.sub(spelling, path)
    return path


def absence(path: str) -> ArmError | None:
    """What Azure says of all that would be in a workspace, where there is no such workspace."""
    found = ANY_WORKSPACE.match(path)
    if found is None:
        return None
    group, name = found.groups()
    if group.lower() != WORKSPACE.resource_group.lower():
        what = f"Resource group '{group}' could not be found."
        return ArmError(404, "ResourceGroupNotFound", what)
    if name.lower() != WORKSPACE.name.lower():
        what = f"The Resource '{PROVIDER}/workspaces/{name}' under resource group '{group}'"
        return ArmError(404, "ResourceNotFound", f"{what} was not found.")
    return None
