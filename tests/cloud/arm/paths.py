"""Where things are in Azure Resource Manager."""

from __future__ import annotations

from tests.cloud.state import WORKSPACE

SUBSCRIPTION = f"/subscriptions/{WORKSPACE.subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{WORKSPACE.resource_group}"
WORKSPACE_ID = WORKSPACE.arm_id
PROVIDER = "Microsoft.MachineLearningServices"
LOCATION = f"{SUBSCRIPTION}/providers/{PROVIDER}/locations"
