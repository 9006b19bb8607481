"""Which deployment of a batch endpoint takes the jobs that name none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure.deployment.file import DeploymentFile
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def get_endpoint(client: MLClient, name: str) -> Any:
    """Look a batch endpoint up.

    Raises:
        OperatorError: There is none.
    """
    try:
        return client.batch_endpoints.get(name)
    except ResourceNotFoundError:
        raise OperatorError(
            f"The workspace has no batch endpoint `{name}`.",
            "Make it: python -m scripts.provision endpoints/batch.yml",
        ) from None


def set_default(client: MLClient, deployment: DeploymentFile, *, replace: bool) -> None:
    """Make a deployment the default of its batch endpoint.

    Args:
        client: The workspace.
        deployment: The deployment, which is healthy.
        replace: Also where another one is the default already.
    """
    endpoint = get_endpoint(client, deployment.endpoint)
    defaults = endpoint.defaults
    current = defaults.deployment_name if defaults is not None else None
    if current == deployment.name or (current and not replace):
        print(f"Default deployment stays: {current}")
        return
    endpoint.defaults = {"deployment_name": deployment.name}
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    print(f"Default deployment: {current or 'none'} -> {deployment.name}")
