"""A deployment that failed: what Azure says, what its containers wrote, and the likely cause."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ResourceNotFoundError

from scripts.azure.deployment.diagnosis import diagnose
from scripts.azure.workspace import credential
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

CONTAINERS = ("storage-initializer", "inference-server")
LOG_LINES = 60
ARM_SCOPE = "https://management.azure.com/.default"


class DeploymentFailedError(OperatorError):
    """A deployment did not become healthy. Its logs have been shown."""


def report_failure(
    client: MLClient, endpoint: str, name: str, error: str, *, is_batch: bool = False
) -> DeploymentFailedError:
    """Show what is known about a failed deployment.

    Args:
        client: The workspace.
        endpoint: The endpoint.
        name: The deployment.
        error: What Azure said.
        is_batch: Whether it is a batch deployment, which has no container before it has a job.

    Returns:
        The error to raise: the likely cause, and what to do.
    """
    log = "" if is_batch else container_logs(client, endpoint, name)
    if log:
        print(log, file=sys.stderr)
    print(f"Deployment `{name}` of `{endpoint}` failed. Azure says: {error}\n", file=sys.stderr)
    found = diagnose(error, log)
    return DeploymentFailedError(
        f"Likely cause ({found.name}): {found.what}", f"What to do: {found.remedy}"
    )


def container_logs(client: MLClient, endpoint: str, name: str) -> str:
    """The last lines that the containers of an online deployment wrote, under headings.

    Empty where there is no deployment, and so no container.
    """
    parts = []
    for container in CONTAINERS:
        try:
            log = client.online_deployments.get_logs(
                name, endpoint, LOG_LINES, container_type=container
            )
        except ResourceNotFoundError:  # refused before there was any container
            return ""
        except AzureError as error:
            log = f"(no log: {error.message})"
        parts.append(f"--- {container}, last {LOG_LINES} lines ---\n{log.strip() or '(empty)'}")
    return "\n".join(parts)


def operation_error(deployment: Any) -> str:
    """Why an operation that another run began has failed, from Azure's record of it.

    Args:
        deployment: As the SDK returned it; its properties name the operation.

    Returns:
        Code and message; where there is no record, a sentence that says so.
    """
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
    from azure.core.rest import HttpRequest

    uri = (deployment.properties or {}).get("AzureAsyncOperationUri")
    if uri:
        policies: list[Any] = [
            RetryPolicy(),
            BearerTokenCredentialPolicy(credential(), ARM_SCOPE),
        ]
        client: PipelineClient[Any, Any] = PipelineClient(uri, policies=policies)
        try:
            answer = client.send_request(HttpRequest("GET", uri))
            told = answer.json().get("error") or {}
        except (AzureError, ValueError):
            told = {}
        if told:
            return f"{told.get('code')}: {told.get('message')}"
    return "Azure tells no reason."
