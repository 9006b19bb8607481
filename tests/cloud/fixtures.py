"""The fixture `cloud`: Azure on this machine, empty for each test."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.cloud import azurite, certificates, names
from tests.cloud.cloud import PROXIES, Cloud
from tests.cloud.front import Front


@dataclass(frozen=True, slots=True)
class Machinery:
    """What all tests share: the listener, the blob store, the certificate authority."""

    front: Front
    blob_store: azurite.Azurite
    authority: Path


@pytest.fixture(scope="session")
def blob_storage() -> Iterator[azurite.Azurite]:
    """The real blob emulator."""
    program = azurite.find()
    if program is None:
        pytest.skip("Azurite is not installed: run `make azurite` (it needs Node.js).")
    with (
        tempfile.TemporaryDirectory(prefix="azurite-") as folder,
        azurite.run(program, Path(folder)) as storage,
    ):
        yield storage


@pytest.fixture(scope="session")
def cloud_machinery(
    blob_storage: azurite.Azurite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machinery]:
    authority, context = certificates.issue(tmp_path_factory.mktemp("authority"))
    front = Front(context)
    yield Machinery(front, blob_storage, authority)
    front.close()


@pytest.fixture
def cloud(cloud_machinery: Machinery, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An empty workspace; this process's and its subprocesses' Azure.

    For a subprocess: `subprocess.run([...], env=cloud.environment())`.
    """
    machinery = cloud_machinery
    cloud = Cloud(machinery.front, machinery.blob_store, machinery.authority)
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    for name, value in cloud.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(socket, "getaddrinfo", partial(names.getaddrinfo, cloud.port))
    yield cloud
    cloud.close()
