"""Provisioning: run as a person runs it, with the real SDK."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.azure.provisioning.environment import DIGEST_TAG, environment_digest
from scripts.azure.workspace import connect
from scripts.paths import ROOT
from tests.cloud.cloud import Cloud

ENVIRONMENT = "nsfw-image-detector-cpu"
ENVIRONMENT_PUT = f"/environments/{ENVIRONMENT}/versions/"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "scripts.provision", *map(str, arguments)]


def provision(cloud: Cloud, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=cloud.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def table(cloud: Cloud, *arguments: str | Path) -> dict[str, str]:
    """What a successful run said: by name, the rest of its row in the table."""
    done = provision(cloud, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.split("\nWorkspace ")[1].split("\n\n")[0].splitlines()[2:]
    rows = [re.split(r"  +", line, maxsplit=2) for line in lines]
    return {name: rest for _, name, rest in rows}


def writes(cloud: Cloud) -> int:
    return sum(
        sent.method in ("PUT", "PATCH", "POST", "DELETE")
        and sent.host == "management.azure.com"
        and "listSecrets" not in sent.path
        for sent in cloud.requests
    )


@pytest.fixture
def own_environment(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(ROOT / "environment", tmp_path / "environment"))
    return folder / "cpu.yml"


def test_makes_all_that_is_missing_once(cloud: Cloud) -> None:
    planned = table(cloud, "--dry-run")
    assert writes(cloud) == 0
    assert {state.split()[0] for state in planned.values()} == {"would"}

    made = table(cloud)
    assert set(made.values()) == {"made"}
    assert made.keys() == planned.keys()
    assert made.keys() == {
        "nsfw-batch-cpu",
        "nsfw-image-detector-cpu:1",
        "nsfw-image-detector-batch:1",
        "nsfw-image-detector",
        "nsfw-image-detector-batch",
    }
    written = writes(cloud)
    assert set(table(cloud).values()) == {"exists"}
    assert writes(cloud) == written

    client = connect(cloud.workspace)
    assert client.compute.get("nsfw-batch-cpu").min_instances == 0
    assert client.online_endpoints.get("nsfw-image-detector").traffic == {}


def test_endpoint_name_of_ones_own(cloud: Cloud) -> None:
    made = table(cloud, "endpoints/online.yml", "--endpoint", "contoso-moderation")
    assert made == {"contoso-moderation": "made"}
    assert cloud.exists("onlineEndpoints/contoso-moderation")
    assert not cloud.exists("onlineEndpoints/nsfw-image-detector")


def test_environment_gets_a_version_when_its_lock_changes(
    cloud: Cloud, own_environment: Path
) -> None:
    assert table(cloud, own_environment) == {f"{ENVIRONMENT}:1": "made"}
    lock = own_environment.with_name("cpu.lock")
    lock.write_text(lock.read_text() + "# another\n")
    assert table(cloud, own_environment)[f"{ENVIRONMENT}:2"].startswith("made")
    assert table(cloud, own_environment) == {f"{ENVIRONMENT}:2": "exists"}
    latest = connect(cloud.workspace).environments.get(ENVIRONMENT, label="latest")
    assert latest.version == "2"
    assert latest.tags[DIGEST_TAG] == environment_digest(own_environment)


def test_environment_version_taken_by_another(cloud: Cloud, own_environment: Path) -> None:
    cloud.answer_next("PUT", ENVIRONMENT_PUT, 409, "Conflict", "The version exists.")
    assert table(cloud, own_environment) == {f"{ENVIRONMENT}:1": "made"}


def test_difference_is_told_and_left(cloud: Cloud, tmp_path: Path) -> None:
    table(cloud, "endpoints/online.yml", "compute/batch-cpu.yml")
    written = writes(cloud)
    cluster = tmp_path / "cluster.yml"
    text = (ROOT / "compute" / "batch-cpu.yml").read_text()
    cluster.write_text(text.replace("max_instances: 4", "max_instances: 9"))
    rows = table(cloud, "endpoints/online-aad.yml", cluster)
    assert rows["nsfw-image-detector"].startswith("differs")
    assert "auth_mode" in rows["nsfw-image-detector"]
    assert "max_instances is 4, the file has 9" in rows["nsfw-batch-cpu"]
    assert writes(cloud) == written


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("endpoints/online.yml", "/onlineEndpoints/nsfw-image-detector"),
        ("environment/cpu.yml", r"LocalUpload/.*Dockerfile"),
        ("environment/cpu.yml", ENVIRONMENT_PUT),
        ("compute/batch-cpu.yml", "/computes/nsfw-batch-cpu"),
    ],
)
def test_killed_run_is_finished_by_the_next(cloud: Cloud, file: str, path: str) -> None:
    cloud.hold_operations()
    process = subprocess.Popen(
        command(file),
        cwd=ROOT,
        env=cloud.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not any(s.method == "PUT" and re.search(path, s.host + s.path) for s in cloud.requests):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    cloud.release_operations()
    table(cloud, file)
    (state,) = table(cloud, file).values()
    assert state == "exists"
    puts = [s for s in cloud.requests if s.method == "PUT" and re.search(path, s.host + s.path)]
    if "LocalUpload" not in path:
        assert len(puts) <= 2


def test_waits_for_what_a_killed_run_began(cloud: Cloud) -> None:
    cloud.hold_operations()
    for wait_for in ("PUT", "Creating"):
        process = subprocess.Popen(
            command("endpoints/online.yml"),
            cwd=ROOT,
            env=cloud.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        if wait_for == "PUT":
            while not cloud.exists("onlineEndpoints/nsfw-image-detector"):
                assert process.poll() is None
                time.sleep(0.01)
        else:
            assert any("nsfw-image-detector: Creating" in line for line in process.stdout)
        process.kill()
        process.wait()
    puts = [s for s in cloud.requests if s.method == "PUT" and "/onlineEndpoints/" in s.path]
    assert len(puts) == 1


def test_what_was_made_before_a_refusal_is_told(cloud: Cloud) -> None:
    cloud.answer_next("PUT", "/onlineEndpoints/", 403, "AuthorizationFailed", "no write action")
    done = provision(cloud, "environment/cpu.yml", "endpoints/online.yml")
    assert done.returncode == 1
    assert f"{ENVIRONMENT}:1" in done.stdout
    assert "no write action" in done.stderr
    assert "AzureML Data Scientist" in done.stderr
    assert "Traceback" not in done.stderr


def test_file_of_another_kind_is_refused_before_anything_is_made(cloud: Cloud) -> None:
    done = provision(cloud, "environment/cpu.yml", "deployments/online-cpu.yml")
    assert done.returncode == 1
    assert "managedOnlineDeployment" in done.stderr
    assert not cloud.requests


def test_names_that_cannot_be(cloud: Cloud) -> None:
    done = provision(cloud, "endpoints/online.yml", "--endpoint", "not_a_name")
    assert done.returncode == 1
    assert "'not_a_name' is no name that Azure accepts" in done.stderr
    assert not cloud.requests
    cloud.state.taken_names.add("taken")
    done = provision(cloud, "endpoints/online.yml", "--endpoint", "taken")
    assert done.returncode == 1
    assert "Another endpoint in the region has this name" in done.stderr
    assert "--endpoint NAME" in done.stderr


@pytest.mark.parametrize("content", ["size: 3\nsurprise: 4\n", "size: [\n"])
def test_a_file_that_the_sdk_does_not_accept(cloud: Cloud, tmp_path: Path, content: str) -> None:
    file = tmp_path / "cluster.yml"
    schema = "https://azuremlschemas.azureedge.net/latest/amlCompute.schema.json"
    file.write_text(f"$schema: {schema}\nname: cluster\ntype: amlcompute\n{content}")
    done = provision(cloud, file)
    assert done.returncode == 1
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr
