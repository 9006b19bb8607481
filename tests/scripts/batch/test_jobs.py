"""Batch jobs from the command line: real blobs, real scoring script, real rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from azure.ai.ml import MLClient
from azure.ai.ml.entities import Data

from tests.cloud.cloud import Cloud
from tests.scripts.batch.jobs import DATASTORE, FILES, batch, jobs, table


def test_a_local_folder(cloud: Cloud, workspace: MLClient, images: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    (images / ".gitignore").write_text("secret*\n")
    (images / "secret.jpg").write_bytes(b"stays here")
    done = batch(cloud, images, "--download", results)
    assert done.returncode == 0, done.stdout + done.stderr
    found = table(results)
    assert found.pop(".gitignore") == "image_format_unsupported"
    assert found == FILES
    assert "8 files, 0.5 MB, which are uploaded first" in done.stdout
    assert "Completed: 8 rows for 8 files" in done.stdout
    assert re.search(r"high +2 ", done.stdout)
    assert json.loads((results / "_summary.json").read_text())["levels"]["high"] == 2

    again = batch(cloud, images, "--download", results)
    assert again.returncode == 1
    assert "has the results of the job batchjob-" in again.stderr
    assert len(jobs(cloud)) == 1


def test_each_kind_of_input(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    workspace.data.create_or_update(
        Data(name="photos", version="7", type="uri_folder", path=f"{DATASTORE}/{uploaded}")
    )
    url = f"{cloud.state.storage.url(cloud.state.storage.container)}/{uploaded}"
    account = url.removeprefix("https://").partition("/")[0]
    container = url.split("/")[3]
    lake = f"abfss://{container}@{account.replace('.blob.', '.dfs.')}/{uploaded}"
    inputs = [f"{DATASTORE}/{uploaded}/", url, lake, "azureml:photos:7", "azureml:photos@latest"]
    for number, text in enumerate(inputs):
        results = tmp_path / f"results-{number}"
        done = batch(cloud, text, "--download", results)
        assert done.returncode == 0, done.stdout + done.stderr
        assert table(results) == FILES
        assert "Completed: 7 rows" in done.stdout  # who may list the account counts the files, too
    given = [next(iter(job["inputData"].values())) for job in jobs(cloud)]
    assert {each["jobInputType"] for each in given} == {"UriFolder"}
    assert given[0]["uri"] == inputs[0]
    assert given[1]["uri"] == given[2]["uri"] == url + "/"
    assert given[3]["uri"].endswith("/data/photos/versions/7")


def test_settings_of_one_job(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    output = f"{DATASTORE}/tables/may"
    options = ["--output", output, "--instances", "2", "--mini-batch-size", "3"]
    done = batch(cloud, f"{DATASTORE}/{uploaded}", *options, "--download", tmp_path / "results")
    assert done.returncode == 0, done.stdout + done.stderr
    (job,) = jobs(cloud)
    assert job["miniBatchSize"] == 3
    assert job["compute"]["instanceCount"] == 2
    # One and a half times the files of the deployment's mini-batches, and of their 4500 s.
    assert job["retrySettings"] == {"maxRetries": 2, "timeout": "PT1H52M30S"}
    stored = cloud.state.storage.files(output)
    assert len(stored) == 3
    assert not any("predictions" in name for name in stored)
    assert table(tmp_path / "results") == FILES

    again = batch(cloud, f"{DATASTORE}/{uploaded}", "--output", output)
    assert again.returncode == 1
    assert f"There is something at {output} already" in again.stderr
    many = batch(cloud, f"{DATASTORE}/{uploaded}", "--instances", "9")
    assert many.returncode == 1
    assert "has at most 4 nodes" in many.stderr
    assert len(jobs(cloud)) == 1


def test_a_dry_run_and_no_wait(
    cloud: Cloud, workspace: MLClient, images: Path, uploaded: str, tmp_path: Path
) -> None:
    def writes() -> int:
        return sum(
            sent.method != "GET" and "listSecrets" not in sent.path and "/oauth2/" not in sent.path
            for sent in cloud.requests
        )

    before = writes()
    dry = batch(cloud, images, "--dry-run", "--download", tmp_path / "results")
    assert dry.returncode == 0, dry.stderr
    assert "Would submit this job" in dry.stdout
    assert writes() == before
    assert not (tmp_path / "results").exists()

    sent = batch(cloud, f"{DATASTORE}/{uploaded}", "--no-wait")
    assert sent.returncode == 0, sent.stderr
    assert re.search(r"To watch it: python -m scripts.batch --job batchjob-\S+\n", sent.stdout)
