from __future__ import annotations

from pathlib import Path

import pytest
from azure.ai.ml import MLClient

from scripts.azure.traffic import set_traffic
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import (
    ENDPOINT,
    furnish,
    put_deployment,
    run_script,
    start_script,
    wait_until,
)

DEPLOYMENTS = f"onlineEndpoints/{ENDPOINT}/deployments"


@pytest.fixture
def client(cloud: Cloud, tmp_path: Path) -> MLClient:
    client = furnish(cloud, tmp_path)
    put_deployment(client, tmp_path, "blue", instance_count=3)
    put_deployment(client, tmp_path, "green")
    set_traffic(client, ENDPOINT, {"blue": 80, "green": 20})
    return client


def test_the_whole_endpoint_in_order(cloud: Cloud, client: MLClient) -> None:
    assert run_script(cloud, "scripts.autoscale", ENDPOINT, "blue").returncode == 0
    listed = run_script(cloud, "scripts.delete", ENDPOINT, "--dry-run", "--hourly-price", "0.2")
    assert listed.returncode == 0, listed.stderr
    assert "blue: 3 x Standard_F4s_v2, 2190 instance hours a month" in listed.stdout
    assert "2920 h x 0.2 = 584.00 a month" in listed.stdout
    assert cloud.exists(f"{DEPLOYMENTS}/blue")

    unconfirmed = run_script(cloud, "scripts.delete", ENDPOINT)
    assert unconfirmed.returncode == 1
    assert "nobody can confirm" in unconfirmed.stderr
    assert cloud.exists(f"{DEPLOYMENTS}/blue")

    done = run_script(cloud, "scripts.delete", ENDPOINT, "--yes")
    assert done.returncode == 0, done.stderr
    assert not cloud.exists(f"onlineEndpoints/{ENDPOINT}")
    deleted = [r.path.lower() for r in cloud.requests if r.method == "DELETE"]
    assert [p.rpartition("/")[2] for p in deleted] == [
        f"autoscale-{ENDPOINT}-blue", "blue", "green", ENDPOINT,
    ]  # fmt: skip

    again = run_script(cloud, "scripts.delete", ENDPOINT, "--yes")
    assert again.returncode == 0, again.stderr
    assert "Nothing of it is in workspace moderation-workspace" in again.stdout


def test_one_deployment_gives_its_traffic_to_the_other(cloud: Cloud, client: MLClient) -> None:
    done = run_script(cloud, "scripts.delete", ENDPOINT, "green", "--yes")
    assert done.returncode == 0, done.stderr
    assert client.online_endpoints.get(ENDPOINT).traffic == {"blue": 100}
    assert not cloud.exists(f"{DEPLOYMENTS}/green")

    refused = run_script(cloud, "scripts.delete", ENDPOINT, "blue", "--yes")
    assert refused.returncode == 1
    assert "nobody would be left to answer" in refused.stderr
    assert cloud.exists(f"{DEPLOYMENTS}/blue")


def test_killed_and_run_again(cloud: Cloud, client: MLClient) -> None:
    cloud.operation_seconds = 2
    process = start_script(cloud, "scripts.delete", ENDPOINT, "--yes")
    wait_until(lambda: any(r.method == "DELETE" for r in cloud.requests))
    process.kill()
    process.communicate()
    cloud.operation_seconds = 0
    wait_until(lambda: not cloud.exists(f"{DEPLOYMENTS}/blue"))
    done = run_script(cloud, "scripts.delete", ENDPOINT, "--yes")
    assert done.returncode == 0, done.stderr
    assert not cloud.exists(f"onlineEndpoints/{ENDPOINT}")


def test_versions_are_archived(cloud: Cloud, client: MLClient) -> None:
    done = run_script(cloud, "scripts.delete", "--model", "demo:1", "--yes")
    assert done.returncode == 0, done.stderr
    assert "hidden, not erased" in done.stdout
    assert list(client.models.list("demo")) == []
