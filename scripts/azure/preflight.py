"""What is checked of a deployment before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.azure import checks
from scripts.azure.deployment_file import DeploymentFile
from scripts.azure.errors import OperatorError
from scripts.azure.findings import show
from scripts.azure.workspace import Workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def check(client: MLClient, workspace: Workspace, deployment: DeploymentFile) -> None:
    """Check the file, then what it needs of the workspace; print what was found.

    Raises:
        OperatorError: Deploying would fail or serve wrongly.
    """
    findings = checks.check_deployment(deployment.path)
    findings += checks.check_workspace(client, workspace, deployment.path, deployment.endpoint)
    show(f for f in findings if f.severity != "ok")
    if errors := sum(f.severity == "error" for f in findings):
        raise OperatorError(
            f"{errors} thing{'s' if errors > 1 else ''} to mend before deploying.",
            "Mend them, or deploy in spite of them with --skip-checks.",
        )
    print(f"{len(findings)} checks passed.")
