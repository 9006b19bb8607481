"""Which deployment of a batch endpoint takes the jobs that name none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.azure.deployment.endpoints import get_batch_endpoint
from scripts.azure.deployment.file import DeploymentFile

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def set_default(client: MLClient, deployment: DeploymentFile, *, replace: bool) -> None:
    """Make a deployment the default of its batch endpoint.

    Args:
        client: The workspace.
        deployment: The deployment, which is healthy.
        replace: Also where another one is the default already.
    """
    endpoint = get_batch_endpoint(client, deployment.endpoint)
    defaults = endpoint.defaults
    current = defaults.deployment_name if defaults is not None else None
    if current == deployment.name or (current and not replace):
        print(f"Default deployment stays: {current}")
        return
    endpoint.defaults = {"deployment_name": deployment.name}
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    print(f"Default deployment: {current or 'none'} -> {deployment.name}")
