"""The real SDK and the real inference server; only Azure itself is a stand-in."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
import yaml
from azure.ai.ml.entities import AmlCompute, BatchEndpoint, Environment, Model

from scripts.paths import DEMO, ROOT
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import (
    ENDPOINT,
    furnish,
    register_model,
    run_script,
    run_script_until,
    sent,
    start_script,
    wait_until,
    write_deployment,
)

DEPLOYMENT = f"onlineEndpoints/{ENDPOINT}/deployments/"


def test_from_yaml_to_traffic_and_again(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    file = write_deployment(tmp_path)

    done = run_script(cloud, "scripts.deploy", str(file), "--skip-checks")
    assert done.returncode == 0, done.stderr
    assert "demo-high.png             high" in done.stdout
    assert "Traffic: none -> blue 100 %" in done.stdout
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}
    assert sent(cloud, "PUT", DEPLOYMENT) == 1

    again = run_script(cloud, "scripts.deploy", str(file), "--skip-checks")
    assert again.returncode == 0, again.stderr
    assert "up to date" in again.stdout
    assert sent(cloud, "PUT", DEPLOYMENT) == 1


def test_a_second_deployment_gets_no_traffic_unasked(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    file = str(write_deployment(tmp_path))
    assert run_script(cloud, "scripts.deploy", file, "--skip-checks").returncode == 0

    green = [file, "--deployment", "green", "--skip-checks"]
    done = run_script(cloud, "scripts.deploy", *green)
    assert done.returncode == 0, done.stderr
    assert "Traffic stays: blue 100 %" in done.stdout
    assert f"scripts.rollout {ENDPOINT} --to green" in done.stdout
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100, "green": 0}

    done = run_script(cloud, "scripts.deploy", *green, "--traffic", "10")
    assert "Traffic: blue 100 % -> blue 90 %, green 10 %" in done.stdout
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 90, "green": 10}


def test_a_change_of_the_file_is_an_update(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    file = str(write_deployment(tmp_path))
    run_script(cloud, "scripts.deploy", file, "--skip-checks")
    write_deployment(tmp_path, environment_variables={"PRECISION": "bf16", "THREADS": "1"})
    done = run_script(cloud, "scripts.deploy", file, "--skip-checks")
    assert done.returncode == 0, done.stderr
    assert "Updating" in done.stdout
    assert "openvino-bf16" in done.stdout
    assert client.online_deployments.get("blue", ENDPOINT).environment_variables["THREADS"] == "1"


def test_dry_run_changes_nothing(cloud: Cloud, tmp_path: Path) -> None:
    furnish(cloud, tmp_path)
    before = [r for r in cloud.requests if r.method != "GET"]
    done = run_script(
        cloud, "scripts.deploy", str(write_deployment(tmp_path)), "--skip-checks", "--dry-run"
    )
    assert done.returncode == 0, done.stderr
    assert "Would create the deployment" in done.stdout
    assert "none -> blue 100 %" in done.stdout
    after = [r for r in cloud.requests if r.method != "GET" and "oauth2" not in r.path]
    assert [r.path for r in after] == [r.path for r in before if "oauth2" not in r.path]


def test_a_broken_model_shows_the_log_and_the_cause(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    broken = tmp_path / "broken"
    shutil.copytree(DEMO, broken)
    (broken / "model.safetensors").write_bytes(b"cut off")
    client.models.create_or_update(Model(name="demo", path=broken))
    file = str(write_deployment(tmp_path))

    done = run_script(cloud, "scripts.deploy", file, "--skip-checks")
    assert done.returncode == 1
    assert "--- inference-server, last" in done.stderr
    assert "CheckpointError" in done.stderr
    assert "ResourceNotReady" in done.stderr
    assert "Likely cause (broken model)" in done.stderr
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 0}

    wrong = run_script(cloud, "scripts.deploy", file, "--model", "demo")
    assert wrong.returncode == 2
    assert "demo is not azureml:NAME:VERSION" in wrong.stderr
    done = run_script(cloud, "scripts.deploy", file, "--skip-checks", "--model", "azureml:demo:1")
    assert done.returncode == 0, done.stderr
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}


def test_quota(cloud: Cloud, tmp_path: Path) -> None:
    furnish(cloud, tmp_path)
    message = "Not enough quota available for Standard_F4s_v2. Current usage/limit: 4/6."
    cloud.deployment_fails("blue", "OutOfQuota", message)
    done = run_script(cloud, "scripts.deploy", str(write_deployment(tmp_path)), "--skip-checks")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Likely cause (quota)" in done.stderr
    assert "Azure counts 20 % more" in done.stderr


def test_quota_that_azure_refuses_at_once(cloud: Cloud, tmp_path: Path) -> None:
    furnish(cloud, tmp_path)
    cloud.state.quota["standardFSv2Family"] = 6
    done = run_script(cloud, "scripts.deploy", str(write_deployment(tmp_path)), "--skip-checks")
    assert done.returncode == 1
    assert "Current usage/limit: 0/6" in done.stderr
    assert "Likely cause (quota)" in done.stderr
    assert "inference-server" not in done.stderr  # no container, no log


def test_one_that_never_started_is_made_anew(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    collector = {"collections": {"model_outputs": {"enabled": "True"}}}
    file = str(write_deployment(tmp_path, data_collector=collector))
    cloud.deployment_fails("blue", "ImageBuildFailure", "Image build failed.")
    assert run_script(cloud, "scripts.deploy", file, "--skip-checks").returncode == 1
    cloud.deployment_works("blue")
    done = run_script(cloud, "scripts.deploy", file, "--skip-checks")
    assert done.returncode == 0, done.stderr
    assert "never started; Azure wants it deleted first" in done.stdout
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}


def test_weights_other_than_registered_get_no_traffic(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    client.models.create_or_update(Model(name="demo", path=DEMO, properties={"sha256": "0" * 64}))
    done = run_script(cloud, "scripts.deploy", str(write_deployment(tmp_path)), "--skip-checks")
    assert done.returncode == 1
    assert f"but the registered model is sha256:{'0' * 64}" in done.stderr
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 0}


def test_what_is_missing_is_named(cloud: Cloud, tmp_path: Path) -> None:
    furnish(cloud, tmp_path)
    file = str(write_deployment(tmp_path))
    done = run_script(cloud, "scripts.deploy", file, "--endpoint", "other", "--skip-checks")
    assert done.returncode == 1
    assert "scripts.provision" in done.stderr
    done = run_script(cloud, "scripts.deploy", file, "--model", "azureml:demo:9", "--skip-checks")
    assert done.returncode == 1
    assert "azureml:demo:9" in done.stderr
    done = run_script(cloud, "scripts.deploy", str(tmp_path / "none.yml"), "--skip-checks")
    assert done.returncode == 1
    assert "none.yml cannot be read" in done.stderr


def test_the_endpoint_is_being_changed(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    cloud.answer_next("PUT", "deployments/blue", 409, "Conflict", "Another operation.")
    done = run_script(cloud, "scripts.deploy", str(write_deployment(tmp_path)), "--skip-checks")
    assert done.returncode == 0, done.stderr
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_while_azure_works(cloud: Cloud, tmp_path: Path, kind: signal.Signals) -> None:
    client = furnish(cloud, tmp_path)
    cloud.hold_operations()
    command = ["scripts.deploy", str(write_deployment(tmp_path)), "--skip-checks"]
    with start_script(cloud, *command) as first:
        wait_until(lambda: sent(cloud, "PUT", DEPLOYMENT) == 1)
        wait_until(lambda: sent(cloud, "GET", f"{DEPLOYMENT}blue$") >= 2)
        first.send_signal(kind)
        _, error = first.communicate(timeout=60)
    if kind == signal.SIGINT:
        assert first.returncode == 130
        assert "Azure goes on with deployment blue" in error
        assert "Running it again goes on" in error

    again = run_script_until(
        cloud, *command, line="Another run began this", then=cloud.release_operations
    )
    assert again.returncode == 0, again.stderr
    assert "Another run began this" in again.stdout
    assert sent(cloud, "PUT", DEPLOYMENT) == 1
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}


def test_a_failure_that_another_run_began_is_explained(cloud: Cloud, tmp_path: Path) -> None:
    furnish(cloud, tmp_path)
    cloud.hold_operations()
    cloud.deployment_fails("blue", "ImageBuildFailure", "Image build failed.", "no log")
    command = ["scripts.deploy", str(write_deployment(tmp_path)), "--skip-checks"]
    with start_script(cloud, *command):
        wait_until(lambda: bool(cloud.state.operations.under_way()))
    note_operation(cloud)
    again = run_script_until(
        cloud, *command, line="Another run began this", then=cloud.release_operations
    )
    assert again.returncode == 1
    assert "Another run began this" in again.stdout
    assert "ImageBuildFailure: Image build failed." in again.stderr
    assert "Likely cause (image build)" in again.stderr


def test_checks_come_first(cloud: Cloud, tmp_path: Path) -> None:
    furnish(cloud, tmp_path)
    file = str(write_deployment(tmp_path, request_settings={"request_timeout_ms": 999_999_999}))
    done = run_script(cloud, "scripts.deploy", file)
    assert done.returncode == 1
    assert "request_timeout_ms" in done.stdout
    assert "to mend before deploying" in done.stderr
    assert sent(cloud, "PUT", DEPLOYMENT) == 0


def test_the_repository_s_own_file_passes_its_checks(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    register_model(cloud, name="nsfw-image-detector")
    serving = client.environments.get("serving", "1")
    client.environments.create_or_update(
        Environment(name="nsfw-image-detector-cpu", build=serving.build)
    )
    file = "deployments/online-cpu.yml"
    done = run_script(cloud, "scripts.deploy", file, "--endpoint", ENDPOINT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "checks passed" in done.stdout
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}


def test_a_pipeline_is_the_clis(cloud: Cloud) -> None:
    done = run_script(cloud, "scripts.deploy", "deployments/batch-pipeline.yml")
    assert done.returncode == 1
    assert "az ml batch-deployment create --file deployments/batch-pipeline.yml" in done.stderr
    assert not [sent for sent in cloud.requests if sent.method != "GET"]


def test_batch_deployments(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    client.batch_endpoints.begin_create_or_update(BatchEndpoint(name="nightly")).result()
    cluster = AmlCompute(name="cluster", size="Standard_F4s_v2", max_instances=2)
    client.compute.begin_create_or_update(cluster).result()
    content = {
        "type": "model",
        "name": "cpu",
        "endpoint_name": "nightly",
        "model": "azureml:demo@latest",
        "environment": "azureml:serving@latest",
        "code_configuration": {"code": str(ROOT), "scoring_script": "score.py"},
        "compute": "azureml:cluster",
        "settings": {"mini_batch_size": 16, "error_threshold": 0},
    }
    file = tmp_path / "batch.yml"
    file.write_text(yaml.safe_dump(content))
    command = ["scripts.deploy", str(file), "--skip-checks"]
    assert run_script(cloud, *command).returncode == 0
    assert client.batch_endpoints.get("nightly").defaults.deployment_name == "cpu"

    other = run_script(cloud, *command, "--deployment", "next")
    assert "Default deployment stays: cpu" in other.stdout
    other = run_script(cloud, *command, "--deployment", "next", "--traffic", "all")
    assert other.returncode == 0, other.stderr
    assert "up to date" in other.stdout
    assert client.batch_endpoints.get("nightly").defaults.deployment_name == "next"

    missing = run_script(cloud, *command, "--endpoint", "weekly")
    assert missing.returncode == 1
    assert "no batch endpoint `weekly`" in missing.stderr

    gone = run_script(cloud, "scripts.delete", "nightly", "--batch", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "batch endpoint nightly with cpu, next" in gone.stdout
    assert not cloud.exists("batchEndpoints/nightly")


def note_operation(cloud: Cloud) -> None:
    """Let the deployment tell its operation, as Azure does in its properties."""
    [blue] = cloud.state.deployments()
    operation = cloud.state.operations.all()[-1]
    poll = cloud.state.operations.accepted(operation, None, 202).headers["Azure-AsyncOperation"]
    blue.properties["properties"]["AzureAsyncOperationUri"] = poll
