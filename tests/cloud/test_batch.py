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
    BatchRetrySettings,
    CodeConfiguration,
    ModelBatchDeployment,
    ModelBatchDeploymentSettings,
)
from azure.core.exceptions import HttpResponseError

from scripts.paths import ROOT
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


def make_default(client: MLClient) -> None:
    """Jobs that name a deployment would name it in all later requests of this process: the SDK
    keeps its headers.
    """
    endpoint = client.batch_endpoints.get("moderate-many")
    endpoint.defaults = {"deployment_name": "cpu"}
    client.batch_endpoints.begin_create_or_update(endpoint).result()


def test_a_folder_of_photos(cloud: Cloud, batch: MLClient, code: Path, tmp_path: Path) -> None:
    assert batch.compute.get("workers").min_instances == 0
    deploy(batch, code)
    make_default(batch)
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
    make_default(batch)
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


SCRIPT = """
import os, pathlib, time
tries = pathlib.Path(os.environ["TRIES"])
def init():
    pass
def run(files):
    with tries.open("a") as file:
        file.write("x")
    attempt = len(tries.read_text())
    mode = os.environ["MODE"]
    if mode == "dies" and attempt == 1:
        os._exit(1)
    if mode == "hangs" and attempt == 1:
        time.sleep(60)
    if mode == "loses" and attempt <= 2:
        return []
    if mode == "raises":
        raise ValueError("always")
    pathlib.Path(os.environ["AZUREML_BI_OUTPUT_PATH"], f"part-{attempt}").write_text("rows")
    return files
"""


def run_script(
    client: MLClient, folder: Path, mode: str, **settings: Any
) -> tuple[str, list[str], int]:
    """Run a job over three files, two at a time; gives status, output's files, calls of `run`."""
    code, photos = folder / f"code-{mode}", folder / "photos"
    for made in (code, photos):
        made.mkdir(exist_ok=True)
    (code / "score.py").write_text(SCRIPT)
    for number in range(3):
        (photos / f"{number}.jpg").write_text("photo")
    tries = folder / f"tries-{mode}"
    tries.touch()
    deploy(
        client,
        code,
        settings=ModelBatchDeploymentSettings(
            mini_batch_size=2,
            output_action="summary_only",
            retry_settings=BatchRetrySettings(max_retries=2, timeout=5),
            environment_variables={"MODE": mode, "TRIES": str(tries)},
            **settings,
        ),
    )
    make_default(client)
    job = client.batch_endpoints.invoke(
        endpoint_name="moderate-many",
        input=Input(type=AssetTypes.URI_FOLDER, path=str(photos)),
    )
    status = ""
    while status not in ("Completed", "Failed"):
        status = str(client.jobs.get(job.name).status.value)
    (step,) = client.jobs.list(parent_job_name=job.name)
    client.jobs.download(step.name, download_path=folder / mode, output_name="score")
    found = sorted(path.name for path in (folder / mode).rglob("part-*"))
    assert not list((folder / mode).rglob("predictions.csv"))
    return status, found, len(tries.read_text())


@pytest.mark.parametrize("mode", ["dies", "hangs", "loses"])
def test_a_mini_batch_that_fails_is_tried_again(batch: MLClient, tmp_path: Path, mode: str) -> None:
    status, parts, calls = run_script(batch, tmp_path, mode, error_threshold=0)
    failures = 2 if mode == "loses" else 1
    assert (status, len(parts), calls) == ("Completed", 2, 2 + failures)


@pytest.mark.parametrize(("threshold", "status"), [(0, "Failed"), (2, "Failed"), (-1, "Completed")])
def test_files_without_a_row_count_against_the_threshold(
    batch: MLClient, tmp_path: Path, threshold: int, status: str
) -> None:
    found, parts, calls = run_script(batch, tmp_path, "raises", error_threshold=threshold)
    assert (found, parts) == (status, [])
    assert calls == (5 if threshold == 0 else 6)  # of two mini-batches, three times each


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"params_override": [{"mini_batch_size": 0}]}, "miniBatchSize"),
        ({"params_override": [{"compute.instance_count": 0}]}, "instanceCount"),
        ({"input": Input(type="uri_folder", path="azureml://datastores/x/paths/y")}, "datastore"),
        ({"deployment_name": "gone"}, "gone"),
    ],
)
def test_requests_that_are_refused(
    batch: MLClient, code: Path, sent: dict[str, Any], message: str
) -> None:
    deploy(batch, code)
    make_default(batch)
    with pytest.raises(Exception, match=f"(?s){message}"):
        batch.batch_endpoints.invoke(
            **{
                "endpoint_name": "moderate-many",
                "input": Input(type="uri_folder", path=str(code)),
                **sent,
            }
        )
