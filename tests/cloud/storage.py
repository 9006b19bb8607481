"""The workspace's blob storage: containers, signed addresses, and reading what was uploaded."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from tests.cloud import names
from tests.cloud.azurite import ACCOUNT, KEY, Azurite

HOST = f"{ACCOUNT}.{names.STORAGE}"
BLOB_URL = re.compile(rf"https://{re.escape(HOST)}(?::443)?/([^/?]+)/?([^?]*)")
DATASTORE_URI = re.compile(r"azureml:/(?:/|/.*/)datastores/([^/]+)/paths/(.*)")


class Storage:
    """The storage account of one workspace.

    Attributes:
        container: Name of the workspace's own container, behind `workspaceblobstore`.
        sas_minutes: How long a signature holds; below 0 it has run out when it is made.
    """

    def __init__(self, azurite: Azurite) -> None:
        self.port = azurite.port
        self.sas_minutes = 60.0
        self._service = BlobServiceClient(
            azurite.url, credential={"account_name": ACCOUNT, "account_key": KEY}
        )
        self.container = self.new_container("azureml-blobstore")

    def new_container(self, prefix: str) -> str:
        """Make an empty container and give back its name."""
        name = f"{prefix}-{uuid.uuid4()}"
        self._service.create_container(name)
        return name

    def sas(self, container: str) -> str:
        """Sign for reading and writing in a container, for `sas_minutes`."""
        now = datetime.now(UTC)
        return generate_container_sas(
            ACCOUNT,
            container,
            account_key=KEY,
            permission=ContainerSasPermissions.from_string("racwdl"),
            start=now - timedelta(minutes=120),
            expiry=now + timedelta(minutes=self.sas_minutes),
        )

    def url(self, container: str) -> str:
        """Address of a container, as clients see it."""
        return f"https://{HOST}/{container}"

    def signed_url(self, uri: str) -> str:
        """The https address of one blob, signed."""
        located = self.locate(uri)
        assert located is not None, uri
        container, path = located
        return f"{self.url(container)}/{path}?{self.sas(container)}"

    def upload_reference(self) -> dict[str, Any]:
        """A new container and the signed address at which one may upload into it."""
        url = self.url(container := self.new_container("upload"))
        signed = {"credentialType": "SAS", "sasUri": f"{url}?{self.sas(container)}"}
        return {"blobUri": url, "storageAccountArmId": "", "credential": signed}

    def locate(self, uri: str) -> tuple[str, str] | None:
        """The container and path of a blob address or datastore address; None if it is neither."""
        if blob := BLOB_URL.match(uri):
            return blob[1], blob[2].strip("/")
        if datastore := DATASTORE_URI.match(uri):
            return self.container, datastore[2].strip("/")
        return None

    def files(self, uri: str) -> list[str]:
        """Names of the blobs that are at an address or below it."""
        located = self.locate(uri)
        if located is None:
            return []
        container, path = located
        found = self._client(container).list_blob_names(name_starts_with=path or None)
        return [n for n in found if not path or n == path or n.startswith(path + "/")]

    def download(self, uri: str, folder: Path) -> None:
        """Copy what is at an address into a folder, under the address's last part."""
        located = self.locate(uri)
        assert located is not None, uri
        container, path = located
        base = path.rpartition("/")[0]
        client = self._client(container)
        for name in self.files(uri):
            target = folder / name.removeprefix(base).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                client.download_blob(name).readinto(file)

    def mount(self, uri: str, folder: Path) -> None:
        """Copy what is below an address into a folder; the address may be that of one file."""
        located = self.locate(uri)
        assert located is not None, uri
        container, path = located
        for name in self.files(uri):
            target = folder / (name.removeprefix(path).lstrip("/") or Path(name).name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                self._client(container).download_blob(name).readinto(file)

    def read(self, uri: str) -> bytes:
        """The content of one blob."""
        located = self.locate(uri)
        assert located is not None, uri
        return self._client(located[0]).download_blob(located[1]).readall()

    def upload(self, uri: str, content: bytes) -> None:
        """Write one blob."""
        located = self.locate(uri)
        assert located is not None, uri
        self._client(located[0]).upload_blob(located[1], content, overwrite=True)

    def _client(self, container: str) -> ContainerClient:
        return self._service.get_container_client(container)
