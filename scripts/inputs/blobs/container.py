"""The blobs of a container, or of a folder in it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, cast

import requests
from azure.core.exceptions import AzureError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient, ExponentialRetry
from requests.adapters import HTTPAdapter

from nsfw_detector.batch import Item
from scripts.inputs.blobs.address import parse
from scripts.inputs.blobs.errors import explain
from scripts.inputs.blobs.file import CHUNK, BlobFile

DOWNLOADS = 16  # more at once than keep the engine busy, so that one slow blob does not stall it
CONNECTIONS = 256  # kept open at most; no machine has more threads than that under way
RETRIES = 4


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob as it was listed.

    Attributes:
        name: Its path below the folder.
        size: In bytes.
        etag: Changes with its content.
        modified: When it was written.
    """

    name: str
    size: int
    etag: str
    modified: datetime


class Blobs:
    """Blobs below a prefix.

    Args:
        container: Client of the container, with its credential.
        folder: Prefix, empty or with a slash at its end.
    """

    read_ahead = DOWNLOADS
    unlisted = 0  # what cannot be listed raises

    def __init__(self, container: ContainerClient, folder: str) -> None:
        self.name = f"{container.primary_endpoint.split('?')[0]}/{folder}"
        self._container = container
        self._folder = folder

    def items(self) -> Iterator[Item]:
        """List the blobs as files to score.

        Raises:
            OperatorError: The account refuses it, or cannot be reached.
        """
        for blob in self.list():
            yield Item(blob.name, partial(self.open, blob))

    def list(self) -> Iterator[Blob]:
        """List the blobs page by page, in the order of their names.

        Raises:
            OperatorError: The account refuses it, or cannot be reached.
        """
        try:
            # The metadata tell the folders of accounts with a hierarchical namespace from blobs.
            for blob in self._container.list_blobs(
                name_starts_with=self._folder or None, include=["metadata"]
            ):
                if (blob.metadata or {}).get("hdi_isfolder") != "true":
                    name = blob.name.removeprefix(self._folder)
                    yield Blob(name, blob.size, blob.etag, blob.last_modified)
        except AzureError as error:
            raise explain(error) from None

    def open(self, blob: Blob) -> BinaryIO:
        """Open a blob for reading, as it was when it was listed."""
        client = self._container.get_blob_client(self._folder + blob.name)
        return cast(BinaryIO, io.BufferedReader(BlobFile(client, blob.size, blob.etag), CHUNK))


def open_blobs(url: str, environment: Mapping[str, str] = os.environ) -> Blobs:
    """Open the blobs that an address names; nothing is sent yet.

    Signs in with the SAS in the address, else with AZURE_STORAGE_CONNECTION_STRING (if it is of
    that account), AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, as the Azure CLI does, else as
    `DefaultAzureCredential` does.

    Raises:
        OperatorError: The address is not of a form that is known.
    """
    account_url, container, folder, sas = parse(url)
    connection = environment.get("AZURE_STORAGE_CONNECTION_STRING")
    if connection and not sas:
        client = ContainerClient.from_connection_string(connection, container, **_options())
        if client.primary_endpoint.split("?")[0] == f"{account_url}/{container}":
            return Blobs(client, folder)
    credential = (
        sas
        or environment.get("AZURE_STORAGE_KEY")
        or environment.get("AZURE_STORAGE_SAS_TOKEN")
        or DefaultAzureCredential()
    )
    return open_container(account_url, container, folder, credential)


def open_container(account_url: str, container: str, folder: str, credential: Any) -> Blobs:
    """Open the blobs below a prefix; nothing is sent yet.

    Args:
        account_url: Address of the account.
        container: In it.
        folder: Prefix, empty or with a slash at its end.
        credential: SAS, key or credential of azure-identity.
    """
    return Blobs(ContainerClient(account_url, container, credential, **_options()), folder)


def _options() -> dict[str, Any]:
    # The SDK's connection pool keeps ten connections, and closes those of more threads each time.
    session = requests.Session()
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    return {
        "transport": RequestsTransport(session=session),
        # The SDK's own first pause is 15 s: too long for a single image.
        "retry_policy": ExponentialRetry(
            initial_backoff=1, increment_base=2, retry_total=RETRIES, random_jitter_range=1
        ),
    }
