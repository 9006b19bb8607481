"""Batch jobs from the command line: real blobs, real scoring script, real rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from azure.ai.ml import MLClient, load_batch_endpoint
from azure.ai.ml.entities import AmlCompute, BuildContext, Data, Environment

from scripts.azure.deploying import ensure_deployed
from scripts.azure.deployment_file import pin_versions, read_deployment
from scripts.azure.workspace import connect
from scripts.local_server import ROOT
from tests.cloud.cloud import Cloud
from tests.conftest import SAMPLES
from tests.scripts.azure_workspace import register_model, run_script, start_script, wait_until

DATASTORE = "azureml://datastores/workspaceblobstore/paths"
FILES = {
    "cat.jpg": "neutral",
    "deep/er/demo-high.png": "high",
    "deep/demo-high.png": "high",
    "deep/demo-low.png": "low",
    "photo with a space & ä.jpg": "neutral",
    "notes.txt": "image_format_unsupported",
    "empty.jpg": "image_empty",
}


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


def deploy(client: MLClient, **variables: str) -> None:
    """Make the deployment the default, with mini-batches of two files."""
    deployment = read_deployment(ROOT / "deployments" / "batch-cpu.yml")
    deployment.entity.mini_batch_size = 2
    deployment.entity.settings.mini_batch_size = 2
    deployment.entity.settings.environment_variables |= {"PRECISION": "fp32", **variables}
    pin_versions(client, deployment)
    ensure_deployed(client, deployment)
    endpoint: Any = client.batch_endpoints.get(deployment.endpoint)
    endpoint.defaults = {"deployment_name": "cpu"}
    client.batch_endpoints.begin_create_or_update(endpoint).result()


def table(folder: Path) -> dict[str, str]:
    """Level or error of each file; no file may have two rows."""
    rows = [row for part in folder.glob("part-*.parquet") for row in pq.read_table(part).to_pylist()]
    found = {row["path"]: row["level"] or row["error_code"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_local_folder(cloud: Cloud, workspace: MLClient, images: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    done = run_script(cloud, "scripts.batch", str(images), "--download", str(results))
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout, done.stderr)
    assert table(results) == FILES
