"""Where things are in Azure Resource Manager."""

from __future__ import annotations

import re

from tests.cloud.state import WORKSPACE

SUBSCRIPTION = f"/subscriptions/{WORKSPACE.subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{WORKSPACE.resource_group}"
WORKSPACE_ID = WORKSPACE.arm_id
PROVIDER = "Microsoft.MachineLearningServices"
LOCATION = f"{SUBSCRIPTION}/providers/{PROVIDER}/locations"

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
