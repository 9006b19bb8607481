"""Real blobs, and a deployment whose scoring script really runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from azure.ai.ml import MLClient, load_batch_endpoint
from azure.ai.ml.entities import AmlCompute, BuildContext, Environment

from scripts.azure.workspace import connect
from scripts.paths import ROOT, SAMPLES
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import register_model
from tests.scripts.batch.jobs import DATASTORE, FILES, deploy


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of files with sub-folders, two of the same name, and some that are no images."""
    folder = tmp_path / "images"
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sample = SAMPLES / Path(name).name
        if name == "empty.jpg":
            (folder / name).touch()
        elif name == "notes.txt":
            (folder / name).write_text("not an image")
        else:
            shutil.copy(sample if sample.exists() else SAMPLES / "cat.jpg", folder / name)
    return folder


@pytest.fixture
def uploaded(cloud: Cloud, images: Path) -> str:
    """The same files in the workspace's datastore; gives their path."""
    for name in FILES:
        cloud.state.storage.upload(f"{DATASTORE}/uploads/{name}", (images / name).read_bytes())
    return "uploads"


@pytest.fixture
def workspace(cloud: Cloud, tmp_path: Path) -> MLClient:
    """A workspace with the batch endpoint and the CPU deployment of this repository."""
    client = connect(cloud.workspace)
    register_model(cloud, name="nsfw-image-detector")
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    client.environments.create_or_update(
        Environment(name="nsfw-image-detector-batch", build=BuildContext(path=str(context)))
    )
    cluster = AmlCompute(name="nsfw-batch-cpu", size="Standard_F4s_v2", max_instances=4)
    client.compute.begin_create_or_update(cluster).result()
    endpoint = load_batch_endpoint(ROOT / "endpoints" / "batch.yml")
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    deploy(client)
    return client
