"""Which workspace, and who signs in: decided here for all scripts.

Looked for in this order: flags, environment variables, `.azureml/config.json` or `config.json` in
the working directory or above it (the file that the portal offers for download), and the defaults
of the Azure CLI (`az configure --defaults group=... workspace=...`, `az account set`).
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core.credentials import TokenCredential
    from azure.mgmt.monitor import MonitorManagementClient

ENVIRONMENT = {
    "subscription": ("AZURE_SUBSCRIPTION_ID", "AZUREML_ARM_SUBSCRIPTION"),
    "resource_group": ("AZURE_RESOURCE_GROUP", "AZUREML_ARM_RESOURCEGROUP"),
    "workspace": ("AZURE_ML_WORKSPACE", "AZUREML_ARM_WORKSPACE_NAME"),
}
FLAGS = {"subscription": "--subscription", "resource_group": "-g", "workspace": "-w"}


@dataclass(frozen=True, slots=True)
class Workspace:
    """The workspace that a script works on."""

    subscription: str
    resource_group: str
    name: str

    @property
    def arm_id(self) -> str:
        """Resource id of the workspace in Azure Resource Manager."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"
        )


def add_workspace_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name the workspace; `find_workspace` reads them."""
    group = parser.add_argument_group("workspace (default: as the Azure CLI is set up)")
    group.add_argument("--subscription", metavar="ID", help="subscription id")
    group.add_argument("-g", "--resource-group", metavar="NAME", help="resource group")
    group.add_argument("-w", "--workspace", metavar="NAME", help="Azure ML workspace")


def find_workspace(
    arguments: argparse.Namespace,
    environment: Mapping[str, str] = os.environ,
    directory: Path | None = None,
) -> Workspace:
    """Find the workspace.

    Args:
        arguments: Parsed flags of `add_workspace_arguments`.
        environment: Environment variables.
        directory: Where the search for `config.json` starts; default: the working directory.

    Raises:
        OperatorError: Something is missing or a file is broken; the message says what and where.
    """
    found = {name: getattr(arguments, name) for name in ENVIRONMENT}
    azure_cli = Path(environment.get("AZURE_CONFIG_DIR", Path.home() / ".azure"))
    sources: tuple[Callable[[], dict[str, str | None]], ...] = (
        lambda: _from_environment(environment),
        lambda: _from_config_file(directory or Path.cwd()),
        lambda: _from_azure_cli(azure_cli),
    )
    for source in sources:
        if not all(found.values()):
            more = source()
            found = {name: value or more.get(name) for name, value in found.items()}
    missing = [name for name, value in found.items() if not value]
    if missing:
        raise OperatorError(
            f"No {' and no '.join(name.replace('_', ' ') for name in missing)} is set.",
            "Give "
            + ", ".join(f"{FLAGS[name]} (or {ENVIRONMENT[name][0]})" for name in missing)
            + "; or save the workspace's config.json from the portal as .azureml/config.json.",
        )
    return Workspace(found["subscription"], found["resource_group"], found["workspace"])


def credential() -> TokenCredential:
    """Sign in as `DefaultAzureCredential` does: environment, managed identity, `az login`, ..."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def connect(workspace: Workspace) -> MLClient:
    """Open the SDK's client for a workspace. Nothing is sent yet."""
    from azure.ai.ml import MLClient

    return MLClient(
        credential(),
        workspace.subscription,
        workspace.resource_group,
        workspace.name,
        enable_telemetry=False,
    )


def open_workspace(workspace: Workspace) -> MLClient:
    """Open the client of a workspace that is there.

    One that is misspelt otherwise looks like an empty one: nothing of the endpoint would be left to
    delete.

    Raises:
        OperatorError: There is no such workspace, or group.
        AzureError: The sign-in was not accepted, or Azure cannot be reached.
    """
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    client = connect(workspace)
    try:
        client.workspaces.get()
    except ResourceNotFoundError:
        raise OperatorError(
            f"There is no workspace {workspace.name} in the resource group "
            f"{workspace.resource_group} of the subscription {workspace.subscription}.",
            "Look at the names (az ml workspace list --output table), then give -w, -g and "
            "--subscription.",
        ) from None
    except HttpResponseError as error:
        if error.status_code != 403:  # who may use an endpoint need not see the workspace
            raise
    return client


def connect_registry(registry: str, workspace: Workspace) -> MLClient:
    """Open the SDK's client for a registry, which several workspaces share."""
    from azure.ai.ml import MLClient

    return MLClient(
        credential(),
        workspace.subscription,
        workspace.resource_group,
        registry_name=registry,
        enable_telemetry=False,
    )


def connect_monitor(workspace: Workspace) -> MonitorManagementClient:
    """Open Azure Monitor's client for the workspace's subscription."""
    from azure.mgmt.monitor import MonitorManagementClient

    return MonitorManagementClient(credential(), workspace.subscription)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str | None]:
    return {
        name: next((environment[v] for v in variables if environment.get(v)), None)
        for name, variables in ENVIRONMENT.items()
    }


def _from_config_file(directory: Path) -> dict[str, str | None]:
    for folder in (directory, *directory.parents):
        for path in (folder / ".azureml" / "config.json", folder / "config.json"):
            if path.is_file():
                settings = _read_json(path)
                return {
                    "subscription": settings.get("subscription_id"),
                    "resource_group": settings.get("resource_group"),
                    "workspace": settings.get("workspace_name"),
                }
    return {}


def _from_azure_cli(folder: Path) -> dict[str, str | None]:
    defaults = configparser.ConfigParser()
    defaults.read(folder / "config", encoding="utf-8")
    profile = folder / "azureProfile.json"
    subscriptions = _read_json(profile).get("subscriptions", []) if profile.is_file() else []
    return {
        "subscription": next((s.get("id") for s in subscriptions if s.get("isDefault")), None),
        "resource_group": defaults.get("defaults", "group", fallback=None),
        "workspace": defaults.get("defaults", "workspace", fallback=None),
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(
            path.read_text(encoding="utf-8-sig")
        )  # the CLI writes a byte order mark
    except (OSError, ValueError) as error:
        raise OperatorError(f"{path} cannot be read: {error}", "Mend or remove it.") from None
    if not isinstance(content, dict):
        raise OperatorError(f"{path} holds no JSON object.", "Mend or remove it.")
    return content
