"""What a batch job is to score: a folder here, in blob storage, in a datastore, or a data asset."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure.checks.upload import uploaded_files
from scripts.azure.datastore import open_datastore, split_address
from scripts.errors import OperatorError
from scripts.inputs.blobs.address import parse
from scripts.inputs.blobs.container import Blobs, open_blobs

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ASSET = re.compile(r"azureml:([^/:@]+)(?::([^/:@]+)|@([^/:@]+))")


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a job.

    Attributes:
        name: What and how much it is, for people.
        type: `uri_folder` or `uri_file`.
        path: As the SDK takes it.
        count: Counts the files. Millions of blobs take minutes.
    """

    name: str
    type: str
    path: str
    count: Callable[[], int]


def find_source(client: MLClient, text: str) -> Source:
    """Find out what a person means.

    Args:
        client: The workspace.
        text: A folder on this machine, an address of blobs or of a datastore, or
            `azureml:<data asset>:<version>`, or `@latest`.

    Raises:
        OperatorError: There is no such thing, or nothing in it.
    """
    if asset := ASSET.fullmatch(text):
        return _asset(client, *asset.groups())
    if split_address(text):
        return _in_datastore(client, text, text)
    if "://" in text:
        return _in_account(text)
    return _here(Path(text))


def _asset(client: MLClient, name: str, version: str | None, label: str | None) -> Source:
    try:
        asset: Any = client.data.get(name, version=version, label=label)
    except ResourceNotFoundError:
        raise OperatorError(
            f"The workspace has no data asset `{name}` of that version.",
            f"See what it has: az ml data list --name {name}",
        ) from None
    if asset.type not in ("uri_folder", "uri_file"):
        raise OperatorError(
            f"The data asset `{name}` is a {asset.type}, which batch endpoints do not take.",
            "Make one of the type uri_folder: az ml data create --type uri_folder ...",
        )
    shown, path = f"data asset {name}:{asset.version}", f"azureml:{name}:{asset.version}"
    if asset.type == "uri_file":
        return Source(shown, asset.type, path, lambda: 1)
    location = str(asset.path)
    blobs = open_datastore(client, location) if split_address(location) else open_blobs(location)
    return _listed(shown, path, blobs)


def _in_datastore(client: MLClient, name: str, uri: str) -> Source:
    return _listed(name, uri, open_datastore(client, uri))


def _in_account(url: str) -> Source:
    account, container, folder, sas = parse(url)
    if sas:
        raise OperatorError(
            "The address has a signature, which the job's record would show to everyone.",
            "Give the address without what follows `?`. The job reads with the identity of its "
            "cluster, which needs the role `Storage Blob Data Reader` on the storage account.",
        )
    address = f"{account}/{container}/{folder}"
    return _listed(address, address, open_blobs(url))


def _listed(name: str, path: str, blobs: Blobs) -> Source:
    """Blobs, at least one of them, if they may be listed from here."""
    try:
        is_empty = next(blobs.list(), None) is None
    except OperatorError:  # the job may be allowed what this person is not
        is_empty = False
    if is_empty:
        raise OperatorError(f"There is nothing at {name}.", "Check the address.")
    return Source(name, "uri_folder", path, lambda: sum(1 for _ in blobs.list()))


def _here(folder: Path) -> Source:
    if not folder.is_dir():
        raise OperatorError(
            f"{folder} is no folder.",
            "Give a folder, azureml://datastores/<name>/paths/<path>, an address of blobs "
            "(https://<account>.blob.core.windows.net/<container>/<folder>), or a data asset "
            "(azureml:<name>:<version>).",
        )
    files = uploaded_files(folder.resolve())
    if not files:
        raise OperatorError(
            f"There are no files in {folder} that would be uploaded.",
            "Files that its .amlignore or .gitignore names are left behind.",
        )
    megabytes = sum(files.values()) / 1e6
    name = f"{folder}: {len(files):,} files, {megabytes:,.1f} MB, which are uploaded first"
    return Source(name, "uri_folder", str(folder.resolve()), lambda: len(files))
