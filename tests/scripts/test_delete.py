from __future__ import annotations

from pathlib import Path

import pytest
from azure.ai.ml import MLClient

from scripts.azure.deployment.traffic import set_traffic
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import (
    ENDPOINT,
    furnish,
    put_deployment,
    run_script,
    run_script_until,
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
    set_traffic(client, ENDPOINT, {"blue": 100})
    cloud.hold_operations()
    with start_script(cloud, "scripts.delete", ENDPOINT, "green", "--yes"):
        wait_until(lambda: bool(cloud.state.operations.under_way()))
    waiting = f"{ENDPOINT}/green: Deleting after"
    done = run_script_until(
        cloud, "scripts.delete", ENDPOINT, "green", "--yes",
        line=waiting, then=cloud.release_operations,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert waiting in done.stdout  # for what the first run began
    assert not cloud.exists(f"{DEPLOYMENTS}/green")
    assert sum(r.method == "DELETE" for r in cloud.requests) == 1


def test_another_change_of_the_endpoint_is_waited_out(cloud: Cloud, client: MLClient) -> None:
    cloud.answer_next("DELETE", "deployments/green", 409, "Conflict", "Another operation.")
    done = run_script(cloud, "scripts.delete", ENDPOINT, "green", "--yes")
    assert done.returncode == 0, done.stderr
    assert "Another change of the endpoint is under way" in done.stdout
    assert not cloud.exists(f"{DEPLOYMENTS}/green")


def test_what_is_not_there_is_told(cloud: Cloud, client: MLClient) -> None:
    done = run_script(cloud, "scripts.delete", ENDPOINT, "green", "gren", "--dry-run")
    assert f"`{ENDPOINT}` has no deployment `gren`" in done.stdout
    assert f"online deployment {ENDPOINT}/green" in done.stdout

    # Nothing is there either in a workspace that is misspelt: this must not look like success.
    done = run_script(cloud, "scripts.delete", ENDPOINT, "--yes", "--workspace", "moderation")
    assert done.returncode == 1
    assert "There is no workspace moderation in the resource group" in done.stderr


def test_versions_are_archived(cloud: Cloud, client: MLClient) -> None:
    done = run_script(cloud, "scripts.delete", "--model", "demo:1", "--yes")
    assert done.returncode == 0, done.stderr
    assert "hidden, not erased" in done.stdout
    assert list(client.models.list("demo")) == []
