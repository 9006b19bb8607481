"""All that can be said of a deployment by asking its workspace. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from azure.core.exceptions import AzureError, ResourceNotFoundError

from scripts.azure.checks.assets import check_assets, check_compute
from scripts.azure.checks.context import Context
from scripts.azure.checks.document import Document, UnreadableError
from scripts.azure.checks.quota import check_cluster_quota, check_quota
from scripts.azure.checks.roles import check_roles
from scripts.azure.checks.standing import (
    check_deployment_states,
    check_endpoint_state,
    check_insights,
)
from scripts.azure.errors import explain
from scripts.azure.findings import Finding
from scripts.azure.workspace import Workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

OnlineCheck: TypeAlias = Callable[[Context], Iterator[Finding]]

CHECKS: tuple[tuple[str, OnlineCheck], ...] = (
    ("model and environment", check_assets),
    ("compute", check_compute),
    ("quota", check_quota),
    ("endpoint", check_endpoint_state),
    ("deployments", check_deployment_states),
    ("roles", check_roles),
    ("Application Insights", check_insights),
)


def check_workspace(
    client: MLClient,
    workspace: Workspace,
    deployment: Path,
    replaced: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Check what a deployment needs of its workspace.

    Args:
        client: The SDK's client for the workspace.
        workspace: Which workspace.
        deployment: The deployment's YAML file.
        replaced: Fields that take the place of the file's own, such as `endpoint_name`.

    Returns:
        What was found. What could not be asked, for instance for lack of a role, is a warning.
    """
    try:
        document = Document.read(deployment, replaced)
    except UnreadableError:  # said by the checks of the file
        return []
    try:
        settings = client.workspaces.get(workspace.name)
        name = str(document.get("endpoint_name"))
        context = Context(
            client, workspace, settings, document, name, *_standing(client, document, name)
        )
    except ResourceNotFoundError:
        return [
            Finding(
                "error",
                f"There is no workspace {workspace.name} in the resource group "
                f"{workspace.resource_group}.",
                "Nothing can be deployed.",
                "Look at the names: az ml workspace list --output table.",
            )
        ]
    except AzureError as error:
        explained = explain(error)
        return [Finding("error", explained.what, "Nothing can be deployed.", explained.remedy)]
    findings = [Finding("ok", f"Signed in to {workspace.name} in {settings.location}")]
    for subject, check in CHECKS:
        findings += _asked(document, subject, partial(check, context))
    return findings


def check_cluster_online(client: MLClient, workspace: Workspace, cluster: Path) -> list[Finding]:
    """Check what a cluster's file needs of the workspace; like `check_workspace`."""
    document = Document.read(cluster)
    check = partial(check_cluster_quota, client, workspace, document)
    return _asked(document, "quota", check)


def _asked(
    document: Document, subject: str, check: Callable[[], Iterator[Finding]]
) -> list[Finding]:
    """What a check finds; that it could not be made is a finding, too."""
    findings: list[Finding] = []
    try:
        findings += check()
    except AzureError as error:
        explained = explain(error)
        findings.append(
            document.warning(
                f"{subject} could not be checked: {explained.what}",
                "It may be well, or not.",
                explained.remedy,
            )
        )
    return findings


def _standing(client: MLClient, document: Document, name: str) -> tuple[Any, dict[str, Any]]:
    """The endpoint, if there is one, and its deployments by name."""
    endpoints: Any = client.batch_endpoints if document.kind == "batch" else client.online_endpoints
    deployments: Any = (
        client.batch_deployments if document.kind == "batch" else client.online_deployments
    )
    try:
        endpoint = endpoints.get(name)
    except ResourceNotFoundError:
        return None, {}
    return endpoint, {str(d.name): d for d in deployments.list(name)}
