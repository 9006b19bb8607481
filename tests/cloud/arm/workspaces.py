"""The workspace itself."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from tests.cloud import names, tokens
from tests.cloud.arm.paths import GROUP, WORKSPACE_ID
from tests.cloud.azurite import ACCOUNT
from tests.cloud.state import WORKSPACE, current

blueprint = Blueprint("workspaces", __name__)


@blueprint.get(WORKSPACE_ID)
def get() -> dict[str, Any]:
    return current().store.get(WORKSPACE_ID).body()


def fields() -> dict[str, Any]:
    """The fields of the workspace beside its properties."""
    return {
        "location": names.REGION,
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "identity": {
            "type": "SystemAssigned",
            "principalId": "30000000-0000-4000-8000-000000000001",
            "tenantId": tokens.TENANT,
        },
        "tags": {},
    }


def properties() -> dict[str, Any]:
    """The properties of the workspace."""
    providers = f"{GROUP}/providers"
    return {
        "friendlyName": WORKSPACE.name,
        "description": "",
        "workspaceId": "30000000-0000-4000-8000-000000000002",
        "storageAccount": f"{providers}/Microsoft.Storage/storageAccounts/{ACCOUNT}",
        "keyVault": f"{providers}/Microsoft.Keyvault/vaults/moderationvault",
        "applicationInsights": f"{providers}/Microsoft.insights/components/moderationinsights",
        "containerRegistry": f"{providers}/Microsoft.ContainerRegistry/registries/moderationacr",
        "hbiWorkspace": False,
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
        "v1LegacyMode": False,
        "systemDatastoresAuthMode": "AccessKey",
        "mlFlowTrackingUri": f"azureml://{names.REGISTRIES}/mlflow/v1.0{WORKSPACE_ID}",
        "discoveryUrl": f"https://{names.REGISTRIES}/discovery",
        "managedNetwork": {"isolationMode": "Disabled", "outboundRules": {}},
    }
