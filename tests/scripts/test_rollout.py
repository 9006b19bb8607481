"""Blue/green with the real SDK and two real inference servers; only Azure is a stand-in."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import KubernetesCompute, KubernetesOnlineEndpoint

from scripts.azure.deployment.traffic import set_traffic
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import (
    ENDPOINT,
    PATIENT,
    furnish,
    put_deployment,
    register_model,
    run_script,
    start_script,
    wait_until,
    write_deployment,
)

QUICK = ("--minutes-per-step", "0", *PATIENT)


@pytest.fixture
def client(cloud: Cloud, tmp_path: Path) -> MLClient:
    """A workspace in which blue has all traffic, and green none."""
    client = furnish(cloud, tmp_path)
    for name in ("blue", "green"):
        put_deployment(client, tmp_path, name)
    set_traffic(client, ENDPOINT, {"blue": 100})
    return client


def deploy(cloud: Cloud, file: Path, *more: str) -> None:
    done = run_script(cloud, "scripts.deploy", str(file), "--skip-checks", *more)
    assert done.returncode == 0, done.stderr


def traffic(client: MLClient) -> dict[str, int]:
    found: dict[str, int] = client.online_endpoints.get(ENDPOINT).traffic
    return {name: share for name, share in found.items() if share}


def test_there_and_back(cloud: Cloud, client: MLClient, tmp_path: Path) -> None:
    report = tmp_path / "agreement.json"
    done = run_script(
        cloud, "scripts.rollout", ENDPOINT, "--to", "green", *QUICK, "--report", str(report)
    )
    assert done.returncode == 0, done.stderr
    for step in ("blue 90 %, green 10 %", "blue 50 %, green 50 %", "green 100 %"):
        assert f"\n{step}:" in done.stdout
    assert "| same decision, % | 100.0 |" in done.stdout
    assert "failed.  Azure Monitor:" in done.stdout
    assert traffic(client) == {"green": 100}
    assert json.loads(report.read_text())["summary"]["images"] == 9

    again = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green", *QUICK)
    assert again.returncode == 0
    assert "has all traffic already" in again.stdout

    for _ in range(2):  # who presses twice does not want green again
        back = run_script(cloud, "scripts.rollout", ENDPOINT, "--back")
        assert back.returncode == 0, back.stderr
        assert traffic(client) == {"blue": 100}

    part = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green", *QUICK, "--steps", "20")
    assert part.returncode == 0, part.stderr
    assert traffic(client) == {"blue": 80, "green": 20}
    assert "scripts.delete" not in part.stdout
    assert f"To go on: python -m scripts.rollout {ENDPOINT} --to green" in part.stdout


def test_kubernetes_mirrors_nothing(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    cluster = KubernetesCompute(
        name="ours",
        resource_id="/subscriptions/s/resourceGroups/g/providers/"
        "Microsoft.ContainerService/managedClusters/aks",
    )
    client.compute.begin_create_or_update(cluster).result()
    endpoint = KubernetesOnlineEndpoint(name="on-kubernetes", compute="ours")
    client.online_endpoints.begin_create_or_update(endpoint).result()
    refused = run_script(
        cloud, "scripts.rollout", "on-kubernetes", "--to", "green", "--mirror", "20"
    )
    assert refused.returncode == 1
    assert "only managed endpoints mirror" in refused.stderr


def test_dry_run_changes_nothing(cloud: Cloud, client: MLClient) -> None:
    done = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Would give it 10 %" in done.stdout
    assert traffic(client) == {"blue": 100}


def test_too_little_agreement_moves_nothing(
    cloud: Cloud, client: MLClient, tmp_path: Path, tiny: Path
) -> None:
    register_model(cloud, tiny)  # random weights
    deploy(cloud, write_deployment(tmp_path, "green"))
    done = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green", *QUICK)
    assert done.returncode == 1
    assert "of the decisions agree" in done.stderr
    assert "| image | level | decision | change |" in done.stdout
    assert traffic(client) == {"blue": 100}


def test_a_deployment_that_dies_loses_its_traffic(cloud: Cloud, client: MLClient) -> None:
    command = ["scripts.rollout", ENDPOINT, "--to", "green", *PATIENT]
    with start_script(cloud, *command, "--minutes-per-step", "0.5") as process:
        wait_until(lambda: traffic(client).get("green") == 10)
        [green] = [i for i in cloud.state.containers if i.endswith("/green")]
        cloud.state.containers[green].stop()
        _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Breach: " in error
    assert "probes of green failed" in error or "requests to green failed" in error
    assert "Traffic is back: blue 100 %" in error
    assert traffic(client) == {"blue": 100}


def test_ctrl_c_returns_the_traffic(cloud: Cloud, client: MLClient) -> None:
    command = ["scripts.rollout", ENDPOINT, "--to", "green", *PATIENT]
    with start_script(cloud, *command, "--minutes-per-step", "5") as process:
        wait_until(lambda: traffic(client).get("green") == 10)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traffic is back: blue 100 %" in error
    assert traffic(client) == {"blue": 100}


def test_a_killed_rollout_goes_on(cloud: Cloud, client: MLClient) -> None:
    command = ["scripts.rollout", ENDPOINT, "--to", "green"]
    with start_script(cloud, *command, *PATIENT, "--minutes-per-step", "5"):
        wait_until(lambda: traffic(client).get("green") == 10)
    assert traffic(client) == {"blue": 90, "green": 10}

    other = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "blue", *QUICK)
    assert other.returncode == 1
    assert "A rollout to `green` has not ended" in other.stderr

    again = run_script(cloud, *command, *QUICK)
    assert again.returncode == 0, again.stderr
    assert "Going on with the rollout from blue 100 %" in again.stdout
    assert traffic(client) == {"green": 100}
    back = run_script(cloud, "scripts.rollout", ENDPOINT, "--back")
    assert back.returncode == 0
    assert traffic(client) == {"blue": 100}


def test_mirror_before_any_traffic(cloud: Cloud, client: MLClient) -> None:
    command = ["scripts.rollout", ENDPOINT, "--to", "green", "--mirror", "20", "--steps", "100"]
    with start_script(cloud, *command, *PATIENT, "--minutes-per-step", "0.1") as process:
        wait_until(lambda: client.online_endpoints.get(ENDPOINT).mirror_traffic == {"green": 20})
        assert traffic(client) == {"blue": 100}
        out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "Copies of green 20 %" in out
    endpoint = client.online_endpoints.get(ENDPOINT)
    assert not endpoint.mirror_traffic
    assert traffic(client) == {"green": 100}


def test_the_new_deployment_is_made_first(cloud: Cloud, tmp_path: Path) -> None:
    client = furnish(cloud, tmp_path)
    file = write_deployment(tmp_path)
    deploy(cloud, file)
    missing = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green", *QUICK)
    assert missing.returncode == 1
    assert "`green` is not there" in missing.stderr
    done = run_script(
        cloud, "scripts.rollout", ENDPOINT, "--to", "green", "--deploy", str(file),
        "--skip-checks", "--steps", "100", *QUICK,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert traffic(client) == {"green": 100}


def test_nothing_to_take_back(cloud: Cloud, client: MLClient) -> None:
    set_traffic(client, ENDPOINT, {"blue": 60, "green": 40})
    done = run_script(cloud, "scripts.rollout", ENDPOINT, "--back")
    assert done.returncode == 1
    assert "No rollout to take back is known" in done.stderr
    assert traffic(client) == {"blue": 60, "green": 40}
