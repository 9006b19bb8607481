"""Blobs behind an address of a datastore, azureml://datastores/<datastore>/paths/<path>."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from scripts.errors import OperatorError
from scripts.inputs.blobs.container import Blobs, open_container

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

# Short, or with subscription, group and workspace, as the service writes it.
ADDRESS = re.compile(r"azureml:/(?:/|/.*/)datastores/([^/]+)/paths/(.*)")


def split_address(uri: str) -> tuple[str, str] | None:
    """The datastore's name and the path in it; None if it is no such address."""
    match = ADDRESS.fullmatch(uri)
    return (match[1], match[2].strip("/")) if match else None


def open_datastore(client: MLClient, uri: str) -> Blobs:
    """Open the blobs at an address, with a signature of an hour that the workspace gives.

    Args:
        client: The workspace.
        uri: The address.

    Raises:
        OperatorError: The workspace has no such datastore.
    """
    # Private, and the only place that knows all kinds of credentials that a datastore may have.
    from azure.ai.ml._artifacts._artifact_utilities import get_datastore_info

    found = split_address(uri)
    if found is None:
        raise OperatorError(
            f"{uri} is no address in a datastore.", "Give azureml://datastores/<name>/paths/<path>."
        )
    name, path = found
    try:
        info = get_datastore_info(client.datastores, name)
    except ResourceNotFoundError:
        known = ", ".join(sorted(str(store.name) for store in client.datastores.list()))
        raise OperatorError(
            f"The workspace has no datastore `{name}`.", f"It has: {known}."
        ) from None
    account_url = str(info["account_url"]).replace(".dfs.", ".blob.", 1)
    folder = path and f"{path}/"
    return open_container(account_url, info["container_name"], folder, info["credential"])
