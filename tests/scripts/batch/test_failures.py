"""Jobs that end badly, and what is refused before it can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Data

from scripts.azure.batch.job import BatchJob
from scripts.azure.batch.order import place_order
from scripts.azure.batch.source import find_source
from scripts.batch import ENDPOINT
from scripts.errors import OperatorError
from scripts.paths import ROOT
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import start_script, wait_until
from tests.scripts.batch.jobs import DATASTORE, batch, deploy


def test_a_job_that_fails(cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path) -> None:
    deploy(workspace, PRECISION="fp7")
    done = batch(cloud, f"{DATASTORE}/{uploaded}", "--download", tmp_path / "results")
    assert done.returncode == 1
    assert "Failed: 0 rows for 7 files" in done.stdout
    assert "process000.txt" in done.stderr
    assert "Traceback (most recent call last)" in done.stderr  # of score.py, from its log
    assert "Azure says: Pipeline has some failed steps." in done.stderr
    assert "Likely cause (bad setting): A setting is not valid:" in done.stderr
    assert "All logs: https://ml.azure.com/runs/batchjob-" in done.stderr
    assert "scripts/batch.py" not in done.stderr


def test_a_job_that_is_cancelled(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    cloud.state.nodes_are_there.close()
    results = tmp_path / "results"
    command = ["scripts.batch", f"{DATASTORE}/{uploaded}", "--download", str(results)]
    with start_script(cloud, *command) as process:
        wait_until(lambda: bool(cloud.state.batch_jobs))
        (name,) = cloud.state.batch_jobs
        workspace.jobs.begin_cancel(name).result()
        out, error = process.communicate(timeout=60)
    assert process.returncode == 1, out + error
    assert "Canceled: 0 rows" in out
    assert "Traceback" not in error


def test_what_would_fail_later_is_said_before(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    place = f"{DATASTORE}/{uploaded}"
    workspace.data.create_or_update(Data(name="one", version="1", type="uri_file", path=place))
    (tmp_path / "empty").mkdir()
    url = cloud.state.storage.url(cloud.state.storage.container)
    said = {
        f"{DATASTORE}/nothing": "There is nothing at",
        "azureml://datastores/lake/paths/x": "no datastore `lake`.*workspaceblobstore",
        f"{url}/{uploaded}?sv=2024&sig=abc": "has a signature",
        "azureml:gone:1": "no data asset `gone`",
        str(tmp_path / "gone"): "is no folder",
        str(tmp_path / "empty"): "no files in",
        "ftp://somewhere/x": "no address of blobs",
    }
    for text, what in said.items():
        with pytest.raises(OperatorError, match=f"(?s){what}"):
            find_source(workspace, text)
    source = find_source(workspace, place)
    with pytest.raises(OperatorError, match="no batch endpoint `other`"):
        place_order(workspace, source, "other")
    with pytest.raises(OperatorError, match=r"(?s)no deployment `gpu`.*It has: cpu"):
        place_order(workspace, source, ENDPOINT, deployment="gpu")
    with pytest.raises(OperatorError, match="a whole datastore"):
        place_order(workspace, source, ENDPOINT, output=f"{DATASTORE}/")
    with pytest.raises(OperatorError, match="no address in a datastore"):
        place_order(workspace, source, ENDPOINT, output=str(tmp_path))
    with pytest.raises(OperatorError, match="no job `gone`"):
        BatchJob(workspace, "gone")
    endpoint: Any = workspace.batch_endpoints.get(ENDPOINT)
    endpoint.defaults = {"deployment_name": None}
    workspace.batch_endpoints.begin_create_or_update(endpoint).result()
    with pytest.raises(OperatorError, match="no default deployment"):
        place_order(workspace, source, ENDPOINT)
    workspace.compute.begin_delete("nsfw-batch-cpu").result()
    with pytest.raises(OperatorError, match="does not exist any more"):
        place_order(workspace, source, ENDPOINT, deployment="cpu", instances=2)


@pytest.mark.parametrize(
    "arguments", [[], ["photos", "--job", "x"], ["photos", "--instances", "0"]]
)
def test_wrong_arguments(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "scripts.batch", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage:" in done.stderr
