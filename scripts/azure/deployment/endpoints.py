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
    remedy = f"Make it: python -m scripts.provision endpoints/online.yml --endpoint {name}"
    return _get(client.online_endpoints, f"online endpoint `{name}`", name, remedy)


def get_batch_endpoint(client: MLClient, name: str) -> Any:
    """Look a batch endpoint up.

    Raises:
        OperatorError: There is none.
    """
    remedy = "Make it: python -m scripts.provision endpoints/batch.yml"
    return _get(client.batch_endpoints, f"batch endpoint `{name}`", name, remedy)


def _get(operations: Any, what: str, name: str, remedy: str) -> Any:
    try:
        return operations.get(name)
    except ResourceNotFoundError:
        raise OperatorError(f"The workspace has no {what}.", remedy) from None
