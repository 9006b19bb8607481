from __future__ import annotations

from pathlib import Path

import pytest

from scripts.azure.autoscaling import find_settings
from scripts.azure.workspace import connect_monitor
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import ENDPOINT, furnish, put_deployment, run_script, sent


@pytest.fixture
def target(cloud: Cloud, tmp_path: Path) -> str:
    client = furnish(cloud, tmp_path)
    put_deployment(client, tmp_path)
    return f"{cloud.workspace.arm_id}/onlineEndpoints/{ENDPOINT}/deployments/blue"


def test_set_change_and_remove(cloud: Cloud, target: str) -> None:
    monitor = connect_monitor(cloud.workspace)
    command = ["scripts.autoscale", ENDPOINT, "blue"]

    planned = run_script(cloud, *command, "--dry-run")
    assert "Would set" in planned.stdout
    assert find_settings(monitor, cloud.workspace, target) == []

    done = run_script(cloud, *command, "--min", "2", "--max", "5")
    assert done.returncode == 0, done.stderr
    [setting] = find_settings(monitor, cloud.workspace, target)
    [profile] = setting.profiles
    assert (profile.capacity.minimum, profile.capacity.maximum) == ("2", "5")
    out, less = profile.rules or []
    assert (out.metric_trigger.metric_name, out.metric_trigger.threshold) == (
        "CpuUtilizationPercentage", 70,
    )  # fmt: skip
    assert less.metric_trigger.threshold < out.metric_trigger.threshold / 2

    again = run_script(cloud, *command, "--min", "2", "--max", "5")
    assert "It is so already" in again.stdout
    assert sent(cloud, "PUT", "autoscalesettings") == 1

    changed = run_script(cloud, *command, "--min", "1", "--max", "3", "--busy", "60")
    assert changed.returncode == 0, changed.stderr
    [setting] = find_settings(monitor, cloud.workspace, target)
    assert setting.profiles[0].capacity.maximum == "3"

    for expected in ("Removed autoscale-", "There is no autoscale setting"):
        removed = run_script(cloud, *command, "--remove")
        assert removed.returncode == 0, removed.stderr
        assert expected in removed.stdout
    assert find_settings(monitor, cloud.workspace, target) == []


def test_a_deployment_that_is_not_there(cloud: Cloud, target: str) -> None:
    done = run_script(cloud, "scripts.autoscale", ENDPOINT, "green")
    assert done.returncode == 1
    assert "no deployment `green`" in done.stderr


def test_kubernetes_scales_itself(cloud: Cloud, target: str) -> None:
    # As Azure describes an endpoint on a cluster; its deployment cannot be made without one.
    endpoint = cloud.state.store.get(target.rpartition("/deployments/")[0])
    endpoint.properties["compute"] = f"{cloud.workspace.arm_id}/computes/ours"
    endpoint.fields["kind"] = "K8S"
    done = run_script(cloud, "scripts.autoscale", ENDPOINT, "blue")
    assert done.returncode == 1
    assert "runs on Kubernetes" in done.stderr
    assert "target_utilization" in done.stderr
    assert sent(cloud, "PUT", "autoscalesettings") == 0


@pytest.mark.parametrize("wrong", [["--min", "0"], ["--min", "4", "--max", "3"], ["--busy", "99"]])
def test_wrong_numbers(cloud: Cloud, wrong: list[str]) -> None:
    assert run_script(cloud, "scripts.autoscale", ENDPOINT, "blue", *wrong).returncode == 2
