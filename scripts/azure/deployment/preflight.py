"""What is checked of a deployment before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.azure import checks
from scripts.azure.deployment.file import DeploymentFile
from scripts.azure.findings import print_findings
from scripts.azure.workspace import Workspace
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def check(client: MLClient, workspace: Workspace, deployment: DeploymentFile) -> None:
    """Check the file, then what it needs of the workspace; print what was found.

    Raises:
        OperatorError: Deploying would fail or serve wrongly.
    """
    path, replaced = deployment.path, deployment.replaced
    findings = checks.check_deployment(path, replaced)
    findings += checks.check_workspace(client, workspace, path, replaced)
    print_findings(f for f in findings if f.severity != "ok")
    if errors := sum(f.severity == "error" for f in findings):
        raise OperatorError(
            f"Things to mend before deploying: {errors}.",
            "Mend what is listed above, or deploy in spite of it with --skip-checks.",
        )
    print(f"{sum(f.severity == 'ok' for f in findings)} checks passed.")
