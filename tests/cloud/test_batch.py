"""Batch endpoints: jobs run the real scoring script over files in the blob store."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import (
    AmlCompute,
    BatchEndpoint,
    CodeConfiguration,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.exceptions import HttpResponseError

from scripts.local_server import ROOT
from tests.cloud.cloud import Cloud


@pytest.fixture
def batch(assets: MLClient) -> MLClient:
    """A client with a cluster `workers` and the batch endpoint `moderate-many`."""
    cluster = AmlCompute(name="workers", size="Standard_F4s_v2", max_instances=2)
    assets.compute.begin_create_or_update(cluster).result()
    assets.batch_endpoints.begin_create_or_update(BatchEndpoint(name="moderate-many")).result()
    return assets


def deploy(client: MLClient, code: Path, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "name": "cpu",
        "endpoint_name": "moderate-many",
        "model": "demo@latest",
        "environment": "serving@latest",
        "code_configuration": CodeConfiguration(code=str(code), scoring_script="score.py"),
        "compute": "workers",
        "settings": ModelBatchDeploymentSettings(mini_batch_size=2, instance_count=1),
    }
    wanted = ModelBatchDeployment(**{**fields, **changes})
    client.batch_deployments.begin_create_or_update(wanted).result()


def test_a_folder_of_photos(cloud: Cloud, batch: MLClient, code: Path, tmp_path: Path) -> None:
    assert batch.compute.get("workers").min_instances == 0
    deploy(batch, code)
    endpoint = batch.batch_endpoints.get("moderate-many")
    endpoint.defaults = {"deployment_name": "cpu"}
    batch.batch_endpoints.begin_create_or_update(endpoint).result()
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("cat.jpg", "coffee.jpg", "demo-high.png"):
        shutil.copy(ROOT / "samples" / name, photos)

    job = batch.batch_endpoints.invoke(
        endpoint_name="moderate-many",
        input=Input(type=AssetTypes.URI_FOLDER, path=str(photos)),
    )
    assert job.status in ("Preparing", "Running")
    cloud.finish()

    assert batch.jobs.get(job.name).status == "Completed"
    assert [j.name for j in batch.batch_endpoints.list_jobs("moderate-many")] == [job.name]
    (step,) = batch.jobs.list(parent_job_name=job.name)
    assert step.status == "Completed"
    batch.jobs.download(step.name, download_path=tmp_path, output_name="score")
    text = (tmp_path / "named-outputs" / "score" / "predictions.csv").read_text()
    rows = [json.loads(row[0]) for row in csv.reader(io.StringIO(text), delimiter=" ")]
    levels = {row["path"]: row["level"] for row in rows}
    assert levels == {"cat.jpg": "neutral", "coffee.jpg": "neutral", "demo-high.png": "high"}


def test_the_default_deployment_stays(batch: MLClient, code: Path) -> None:
    deploy(batch, code)
    endpoint = batch.batch_endpoints.get("moderate-many")
    endpoint.defaults = {"deployment_name": "cpu"}
    batch.batch_endpoints.begin_create_or_update(endpoint).result()
    with pytest.raises(HttpResponseError, match="default deployment"):
        batch.batch_deployments.begin_delete("cpu", "moderate-many").result()
    batch.batch_endpoints.begin_delete("moderate-many").result()
    assert not list(batch.batch_endpoints.list())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mini_batch_size": 0}, "miniBatchSize"),
        ({"mini_batch_size": 1, "error_threshold": -2}, "errorThreshold"),
        ({"mini_batch_size": 1, "environment_variables": {"THREADS": 4}}, "THREADS"),
    ],
)
def test_settings_that_the_sdk_lets_pass(
    batch: MLClient, code: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(HttpResponseError, match=message):
        deploy(batch, code, settings=ModelBatchDeploymentSettings(**settings))


def test_a_cluster_must_exist_and_make_sense(batch: MLClient, code: Path) -> None:
    with pytest.raises(HttpResponseError, match="Compute"):
        deploy(batch, code, compute="nobody")
    cluster = AmlCompute(name="odd", size="Standard_F4s_v2", min_instances=3, max_instances=2)
    with pytest.raises(HttpResponseError, match="minNodeCount"):
        batch.compute.begin_create_or_update(cluster).result()
    batch.compute.begin_delete("workers").result()
    assert [c.name for c in batch.compute.list()] == []
