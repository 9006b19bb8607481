"""Batch jobs from the command line: real blobs, real scoring script, real rows."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from azure.ai.ml import MLClient, load_batch_endpoint
from azure.ai.ml.entities import AmlCompute, BuildContext, Data, Environment

from scripts.azure.batch.job import BatchJob
from scripts.azure.batch.order import place_order
from scripts.azure.batch.source import find_source
from scripts.azure.deployment.deploying import ensure_deployed
from scripts.azure.deployment.file import pin_versions, read_deployment
from scripts.azure.workspace import connect
from scripts.batch import ENDPOINT
from scripts.errors import OperatorError
from scripts.paths import ROOT, SAMPLES
from tests.cloud.cloud import Cloud
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
    rows = [
        row for part in folder.glob("part-*.parquet") for row in pq.read_table(part).to_pylist()
    ]
    found = {row["path"]: row["level"] or row["error_code"] for row in rows}
    assert len(found) == len(rows)
    return found


def batch(cloud: Cloud, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_script(cloud, "scripts.batch", *map(str, arguments))


def jobs(cloud: Cloud) -> list[dict[str, Any]]:
    """What was asked of the endpoint, job by job."""
    return [sent.body["properties"] for sent in cloud.requests if sent.path == "/jobs"]


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


def test_progress_is_shown(cloud: Cloud, workspace: MLClient, uploaded: str) -> None:
    cloud.state.nodes_are_there.close()
    cloud.state.mini_batches_may_end.close()
    terminal, stderr = pty.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.batch", f"{DATASTORE}/{uploaded}"],
        cwd=ROOT,
        env=cloud.environment(),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    os.close(stderr)
    shown = b""
    with suppress(OSError):  # at its end
        while piece := os.read(terminal, 4096):
            shown += piece
            if b"Queued: waiting for nodes after" in shown:
                cloud.state.nodes_are_there.open()
            if b"Running after" in shown and b"| 0/7 [" in shown:
                cloud.state.mini_batches_may_end.open()
    out, _ = process.communicate()
    assert process.returncode == 0, out + shown.decode()
    text = shown.decode()
    stages = ["Queued: waiting for nodes after", "Running after", "Completed after"]
    places = [text.index(stage) for stage in stages]
    assert places == sorted(places)
    counts = [int(n) for n in re.findall(r"\| (\d)/7 \[", text)]
    assert counts == sorted(counts)
    assert set(counts) >= {0, 7}
    assert "To fetch them: python -m scripts.batch --job batchjob-" in out
    assert "--download <folder>" in out


def test_the_job_goes_on_whatever_happens_to_its_watcher(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    cloud.state.mini_batches_may_end.close()
    results = tmp_path / "results"
    record = results / "_job.json"
    command = ["scripts.batch", f"{DATASTORE}/{uploaded}", "--download", str(results)]
    with start_script(cloud, *command):
        wait_until(lambda: record.exists() and json.loads(record.read_text())["files"] == 7)
    name = json.loads(record.read_text())["job"]
    arguments = ["scripts.batch", "--job", name, "--download", str(results)]
    with start_script(cloud, *arguments) as second:
        assert second.stderr is not None
        assert any("Running after" in line for line in second.stderr)
        second.send_signal(signal.SIGINT)
        error = second.stderr.read()
    assert second.returncode == 130, error
    assert f"To go on: python -m scripts.batch --job {name} --download {results}" in error
    assert f"az ml job cancel -n {name}" in error
    assert cloud.state.batch_jobs.keys() == {name}

    cloud.state.mini_batches_may_end.open()
    cloud.finish()
    last = run_script(cloud, *arguments)
    assert last.returncode == 0, last.stdout + last.stderr
    assert "Completed: 7 rows for 7 files" in last.stdout  # the number that the first has noted
    assert table(results) == FILES
    assert len(jobs(cloud)) == 1


def test_an_interrupted_download_is_gone_on_with(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    assert batch(cloud, f"{DATASTORE}/{uploaded}", "--download", results).returncode == 0
    kept, cut, lost, *_ = sorted(results.glob("part-*.parquet"))
    cut.write_bytes(cut.read_bytes()[:100])
    lost.unlink()
    before = kept.stat()
    name = json.loads((results / "_job.json").read_text())["job"]
    done = batch(cloud, "--job", name, "--download", results)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(results) == FILES
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    assert not list(results.glob(".*.tmp"))


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
