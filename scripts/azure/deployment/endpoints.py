"""The endpoints that deployments belong to, which must exist before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def get_online_endpoint(client: MLClient, name: str) -> Any:
    """Look an online endpoint up.

    Raises:
        OperatorError: There is none.
    """
    try:
        return client.online_endpoints.get(name)
    except ResourceNotFoundError:
        raise OperatorError(
            f"The workspace has no online endpoint `{name}`.",
            f"Make it: python -m scripts.provision endpoints/online.yml --endpoint {name}",
        ) from None


def get_batch_endpoint(client: MLClient, name: str) -> Any:
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
