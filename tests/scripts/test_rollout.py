"""Blue/green with the real SDK and two real inference servers; only Azure is a stand-in."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import KubernetesCompute, KubernetesOnlineEndpoint

from scripts.azure.deployment.traffic import set_traffic
from scripts.azure.rollout.rolling import Rollout
from scripts.paths import ROOT
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import (
    ENDPOINT,
    PATIENT,
    furnish,
    put_deployment,
    register_model,
    run_script,
    sent,
    start_script,
    wait_until,
    write_deployment,
)

EVERY_SECOND_FAILS = """
from itertools import count

asked = count()


@rawhttp
def run(data):
    if next(asked) % 2:
        raise RuntimeError("now and then")
    return respond(detector, data, collect)
"""
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


def is_returning(cloud: Cloud) -> bool:
    return any(
        sent.method == "PUT" and "taken back" in str((sent.body or {}).get("tags"))
        for sent in cloud.requests
    )


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


def test_a_deployment_that_fails_now_and_then_loses_its_traffic(
    cloud: Cloud, client: MLClient, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    shutil.copytree(ROOT / "nsfw_detector", code / "nsfw_detector")
    (code / "score.py").write_text((ROOT / "score.py").read_text() + EVERY_SECOND_FAILS)
    configuration = {"code": str(code), "scoring_script": "score.py"}
    put_deployment(client, tmp_path, "green", code_configuration=configuration)
    done = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green", *QUICK)
    assert done.returncode == 1
    assert " probes of green failed" in done.stderr
    assert traffic(client) == {"blue": 100}


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "kill"]
)
def test_who_stops_it_gets_the_traffic_back(
    cloud: Cloud, client: MLClient, number: signal.Signals, status: int
) -> None:
    command = ["scripts.rollout", ENDPOINT, "--to", "green", *PATIENT]
    with start_script(cloud, *command, "--minutes-per-step", "5") as process:
        wait_until(lambda: traffic(client).get("green") == 10)
        cloud.hold_operations()
        process.send_signal(number)
        wait_until(lambda: is_returning(cloud))
        process.terminate()  # as CI does, some seconds later
        cloud.release_operations()
        _, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traffic is back: blue 100 %" in error
    assert traffic(client) == {"blue": 100}


def test_a_terminal_that_is_gone_returns_the_traffic(cloud: Cloud, client: MLClient) -> None:
    terminal, its_end = pty.openpty()
    command = [sys.executable, "-m", "scripts.rollout", ENDPOINT, "--to", "green", *PATIENT]
    with subprocess.Popen(
        ["setsid", "--ctty", *command, "--minutes-per-step", "5"],
        cwd=ROOT,
        env=cloud.environment(),
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
    ) as process:
        try:
            os.close(its_end)
            wait_until(lambda: traffic(client).get("green") == 10)
            path = f"onlineEndpoints/{ENDPOINT}$"
            cloud.answer_next("PUT", path, 409, "Conflict", "Another operation.")
            os.close(terminal)  # as sshd does when a connection is cut
            assert process.wait(timeout=60) == 128 + signal.SIGHUP
        finally:
            process.kill()
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


def test_a_killed_rollout_with_nothing_to_return_to_is_over(
    cloud: Cloud, client: MLClient, tmp_path: Path
) -> None:
    # Killed in its last step.
    set_traffic(client, ENDPOINT, {"green": 100}, tags=Rollout("green", {"blue": 100}).tag())
    deleted = run_script(cloud, "scripts.delete", ENDPOINT, "blue", "--yes")
    assert deleted.returncode == 0, deleted.stderr
    assert "A rollout to `green` has not ended, and `blue` is part of it" in deleted.stdout
    put_deployment(client, tmp_path, "next")

    planned = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "next", "--dry-run")
    assert "Would give it 10 %" in planned.stdout, planned.stderr
    done = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green")
    assert done.returncode == 0, done.stderr
    assert "green has all traffic already" in done.stdout
    assert "blue, which had the traffic before, is gone" in done.stderr
    after = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "next", *QUICK)
    assert after.returncode == 0, after.stderr
    assert "is gone" not in after.stderr
    assert traffic(client) == {"next": 100}


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


def test_what_has_traffic_is_not_changed(cloud: Cloud, client: MLClient, tmp_path: Path) -> None:
    set_traffic(client, ENDPOINT, {"blue": 50, "green": 50})
    same = str(write_deployment(tmp_path, "green"))
    command = ["scripts.rollout", ENDPOINT, "--to", "green", "--skip-checks", *QUICK, "--deploy"]
    done = run_script(cloud, *command, same)
    assert done.returncode == 0, done.stderr
    assert traffic(client) == {"green": 100}

    puts = sent(cloud, "PUT", "/deployments/")
    other = str(write_deployment(tmp_path, "green", environment_variables={"THREADS": "1"}))
    refused = run_script(cloud, *command, other)
    assert refused.returncode == 1
    assert f"`green` has 100 % of the traffic, and {other} is not what runs" in refused.stderr
    assert sent(cloud, "PUT", "/deployments/") == puts
    write_deployment(tmp_path, "green")
    again = run_script(cloud, *command, same)
    assert again.returncode == 0, again.stderr
    assert "green has all traffic already" in again.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--images", "/nope"], "No images in /nope"),
        (["--report", "/nope/a.md"], "there is no folder /nope"),
    ],
)
def test_mistakes_are_told_before_anything_is_made(
    cloud: Cloud, tmp_path: Path, wrong: list[str], said: str
) -> None:
    file = str(write_deployment(tmp_path, "green"))
    done = run_script(cloud, "scripts.rollout", ENDPOINT, "--to", "green", "--deploy", file, *wrong)
    assert done.returncode == 1
    assert said in done.stderr
    assert sent(cloud, "PUT", "") == 0


def test_nothing_to_take_back(cloud: Cloud, client: MLClient) -> None:
    set_traffic(client, ENDPOINT, {"blue": 60, "green": 40})
    done = run_script(cloud, "scripts.rollout", ENDPOINT, "--back")
    assert done.returncode == 1
    assert "No rollout to take back is known" in done.stderr
    assert traffic(client) == {"blue": 60, "green": 40}
