"""The blobs of a container, or of a folder in it."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import requests
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient, ExponentialRetry
from requests.adapters import HTTPAdapter

from nsfw_detector.batch import Item
from nsfw_detector.errors import ImageNotFoundError, ImageUnavailableError
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

DOWNLOADS = 16  # more at once than keep the engine busy, so that one slow blob does not stall it
CONNECTIONS = 256  # kept open at most; no machine has more threads than that under way
CHUNK = 4 * 1024 * 1024  # most images come in one request; videos are read piece by piece
RETRIES = 4
OF_ONE_BLOB = "AuthorizationPermissionMismatch"  # a blob's own access control list may say so
EMULATOR_HOST = re.compile(r"localhost|[\d.]+|\[.*\]")  # with the account as the first folder


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
            raise _explain(error) from None

    def open(self, blob: Blob) -> BinaryIO:
        """Open a blob for reading, as it was when it was listed."""
        client = self._container.get_blob_client(self._folder + blob.name)
        return cast(BinaryIO, io.BufferedReader(BlobFile(client, blob.size, blob.etag), CHUNK))


class BlobFile(io.RawIOBase):
    """A blob as a file: each read is one request.

    Args:
        blob: Its client.
        size: In bytes, as it was listed.
        etag: As it was listed; a blob that has changed since is not read.
    """

    def __init__(self, blob: BlobClient, size: int, etag: str) -> None:
        self._blob = blob
        self._size = size
        self._etag = etag
        self._position = 0

    def readable(self) -> bool:  # noqa: D102
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readall(self) -> bytes:
        """Fetch all that is left; the base class would do so in pieces of 8 KiB."""
        buffer = bytearray(max(0, self._size - self._position))
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: Any) -> int:
        """Fetch the next bytes.

        Raises:
            ImageNotFoundError: The blob is not there any more.
            ImageUnavailableError: It cannot be fetched at present.
            OperatorError: The account lets nothing be fetched: the run had better stop.
        """
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        try:
            download = self._blob.download_blob(
                self._position,
                length,
                etag=self._etag,
                match_condition=MatchConditions.IfNotModified,
            )
            data = download.readall()
        except ResourceNotFoundError:
            raise ImageNotFoundError("The blob is not there any more.") from None
        except AzureError as error:
            if _is_refused(error) and _code(error) != OF_ONE_BLOB:
                raise _explain(error) from None
            raise ImageUnavailableError(f"The blob could not be fetched: {_why(error)}.") from None
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


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


def parse(url: str) -> tuple[str, str, str, str]:
    """Take an address apart: the account's own address, container, folder with slash, SAS."""
    parts = urlsplit(url)
    host, path = parts.netloc, unquote(parts.path).strip("/")
    if parts.scheme in ("abfs", "abfss"):
        container, _, host = host.rpartition("@")
        account = f"https://{host}"
    elif parts.scheme in ("http", "https"):
        account = f"{parts.scheme}://{host}"
        if EMULATOR_HOST.fullmatch(parts.hostname or ""):
            name, _, path = path.partition("/")
            account += f"/{name}"
        container, _, path = path.partition("/")
    else:
        container = ""
    if not container or not host:
        raise OperatorError(
            f"{url.split('?')[0]} is no address of blobs.",
            "Give https://<account>.blob.core.windows.net/<container>/<folder>, or "
            "abfss://<container>@<account>.dfs.core.windows.net/<folder>.",
        )
    # Accounts with a hierarchical namespace have both hosts.
    return account.replace(".dfs.", ".blob.", 1), container, path and f"{path}/", parts.query


def _explain(error: AzureError) -> OperatorError:
    """Say why nothing can be read. Messages of the SDK may hold the address with its SAS."""
    if _is_refused(error):
        return OperatorError(
            f"The storage account did not accept the sign-in: {_why(error)}.",
            "A SAS may have expired, or not allow reading and listing; without SAS or key, run "
            "`az login`, and have the role `Storage Blob Data Reader`.",
        )
    if isinstance(error, ResourceNotFoundError):
        return OperatorError(f"There is no such container: {_why(error)}.", "Check the address.")
    return OperatorError(
        f"The storage account could not be read: {_why(error)}.",
        "Check the address and the network. The same command goes on where it stopped.",
    )


def _is_refused(error: AzureError) -> bool:
    return isinstance(error, ClientAuthenticationError) or (
        isinstance(error, HttpResponseError) and error.status_code in (401, 403)
    )


def _code(error: AzureError) -> str | None:
    code = getattr(error, "error_code", None)
    return getattr(code, "value", code)


def _why(error: AzureError) -> str:
    """Status and code, or what kind of error it was."""
    if isinstance(error, HttpResponseError) and error.status_code:
        return f"{error.status_code} {_code(error) or error.reason or ''}".strip()
    return type(error).__name__
