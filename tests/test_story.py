"""A deployment's whole life as an operator types it, from a model's folder to nothing left."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.azure.scoring.client import connect_endpoint
from scripts.azure.scoring.scored import Scored
from scripts.azure.workspace import connect
from scripts.paths import DEMO, SAMPLES
from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import PATIENT, run_script

ENDPOINT = "contoso-moderation"
MODEL = "nsfw-image-detector"
FILE = "deployments/online-cpu.yml"
DECISIONS = {"demo-high.png": "block", "demo-medium.png": "review"}  # the others: allow
COLUMNS = re.compile(r"  +")


class Operator:
    """Types commands and reads what they print."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def run(self, script: str, *arguments: str | Path, status: int = 0) -> str:
        """Run `python -m scripts.<script>`; gives its output, errors below."""
        done = run_script(self._cloud, f"scripts.{script}", *map(str, arguments))
        said = f"{done.stdout}{done.stderr}"
        assert done.returncode == status, said
        assert "Traceback" not in said
        # What libraries have to say to developers is not for operators.
        assert not re.search(r"(?i)experimental|deprecat|userwarning|\x1b", said), said
        return said


@pytest.mark.timeout(900)  # some twenty scripts
def test_story(cloud: Cloud, tmp_path: Path) -> None:
    operator = Operator(cloud)
    register(operator, cloud, DEMO, version=1)
    provision(operator, cloud)
    deploy_blue(operator, cloud)
    invoke(operator, cloud, tmp_path / "results.jsonl")
    deploy_optimised_as_green(operator, cloud, tmp_path / "demo")
    roll_out(operator, cloud)
    roll_back(operator, cloud)
    delete(operator, cloud)


def register(operator: Operator, cloud: Cloud, folder: Path, version: int) -> None:
    said = operator.run("register_model", folder)
    assert "DEMO CHECKPOINT, NEVER A MODERATOR" in said
    place = f"azureml:{MODEL}:{version} in workspace moderation-workspace"
    assert said.endswith(f"Registered: {place}.\n")
    assert cloud.exists(f"models/{MODEL}/versions/{version}")


def provision(operator: Operator, cloud: Cloud) -> None:
    needed = {
        "nsfw-batch-cpu": "computes/nsfw-batch-cpu",
        f"{MODEL}-cpu:1": f"environments/{MODEL}-cpu/versions/1",
        f"{MODEL}-batch:1": f"environments/{MODEL}-batch/versions/1",
        ENDPOINT: f"onlineEndpoints/{ENDPOINT}",
        f"{MODEL}-batch": f"batchEndpoints/{MODEL}-batch",
    }
    said = operator.run("provision", "--endpoint", ENDPOINT)
    assert states(said) == dict.fromkeys(needed, "made")
    assert all(map(cloud.exists, needed.values()))
    assert f"Next: python -m scripts.deploy {FILE} --endpoint {ENDPOINT}" in said


def deploy_blue(operator: Operator, cloud: Cloud) -> None:
    said = operator.run("deploy", FILE, "--endpoint", ENDPOINT)
    assert re.match(r"\d+ checks passed\.\n", said)
    assert f"blue of {ENDPOINT}: model {MODEL}:1, environment {MODEL}-cpu:1" in said
    assert "deployment blue: Succeeded after" in said
    assert "9 photos scored by nsfw-detector-demo 1" in said
    assert "Traffic: none -> blue 100 %" in said
    assert deployments(cloud) == {"blue": f"{MODEL}/versions/1"}
    assert traffic(cloud) == {"blue": 100}
    assert len(cloud.state.containers) == 1  # the real server, which has just answered

    again = operator.run("deploy", FILE, "--endpoint", ENDPOINT)
    assert "Deployment blue is up to date." in again
    assert "Traffic stays: blue 100 %" in again
    scaled = operator.run("autoscale", ENDPOINT, "blue", "--min", "1", "--max", "3")
    assert "1 to 3 instances" in scaled


def invoke(operator: Operator, cloud: Cloud, results: Path) -> None:
    before = len(cloud.state.traffic.answered)
    said = operator.run("invoke", "samples", "--endpoint", ENDPOINT, "--out", results)
    assert "9 images in" in said
    assert "7 allow, 1 block, 1 review, 0 errors" in said
    rows = {Path(row["file"]).name: row for row in map(json.loads, results.open())}
    photos = {p.name for p in SAMPLES.iterdir() if p.suffix in {".jpg", ".png", ".webp"}}
    assert {name: row["decision"] for name, row in rows.items()} == {
        name: DECISIONS.get(name, "allow") for name in photos
    }
    answered = cloud.state.traffic.answered[before:]
    assert [a.status for a in answered] == [200] * 9
    assert all(a.deployment.endswith("/blue") for a in answered)


def deploy_optimised_as_green(operator: Operator, cloud: Cloud, folder: Path) -> None:
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("optimised"))
    said = operator.run("optimise", folder, "samples")
    assert f"Written: {folder}/optimised" in said
    register(operator, cloud, folder, version=2)
    engine = json.loads((folder / "optimised" / "manifest.json").read_text())["engine"]

    said = operator.run("deploy", FILE, "--endpoint", ENDPOINT, "--deployment", "green")
    assert f"green of {ENDPOINT}: model {MODEL}:2, environment {MODEL}-cpu:1" in said
    assert f", openvino-{engine}\n" in said
    assert "Traffic stays: blue 100 %" in said
    assert f"To move it: python -m scripts.rollout {ENDPOINT} --to green" in said
    assert deployments(cloud) == {"blue": f"{MODEL}/versions/1", "green": f"{MODEL}/versions/2"}
    assert traffic(cloud) == {"blue": 100}


def roll_out(operator: Operator, cloud: Cloud) -> None:
    before = len(cloud.state.traffic.answered)
    with callers(cloud) as answers:
        said = operator.run(
            "rollout", ENDPOINT, "--to", "green", "--minutes-per-step", "0.1", *PATIENT
        )
    assert "| same decision, % | 100.0 |" in said
    steps = ["blue 90 %, green 10 %", "blue 50 %, green 50 %", "green 100 %"]
    assert [said.index(f"\n{step}:\n") for step in steps] == sorted(
        said.index(f"\n{step}:\n") for step in steps
    )
    watched = re.findall(r"failed\.  Azure Monitor: (\d+) requests to green, 0 failed", said)
    assert len(watched) >= len(steps)
    assert "Done. Traffic: green 100 %" in said
    assert f"If all is well: python -m scripts.delete {ENDPOINT} blue" in said
    assert traffic(cloud) == {"green": 100}

    # Who called meanwhile noticed nothing.
    assert {(a.result["decision"], a.attempts) for a in answers} == {("block", 1)}
    statuses = Counter(
        (a.deployment.rpartition("/")[2], a.status) for a in cloud.state.traffic.answered[before:]
    )
    assert set(statuses) == {("blue", 200), ("green", 200)}


def roll_back(operator: Operator, cloud: Cloud) -> None:
    for _ in range(2):  # who presses twice does not want green again
        said = operator.run("rollout", ENDPOINT, "--back")
        assert said == "Traffic is back: blue 100 %\n"
        assert traffic(cloud) == {"blue": 100}
    assert deployments(cloud) == {"blue": f"{MODEL}/versions/1", "green": f"{MODEL}/versions/2"}


def delete(operator: Operator, cloud: Cloud) -> None:
    said = operator.run("delete", ENDPOINT, "--yes", "--hourly-price", "0.2")
    assert "1460 h x 0.2 = 292.00 a month" in said
    assert said.endswith("Done.\n")
    assert not cloud.exists(f"onlineEndpoints/{ENDPOINT}")
    assert deployments(cloud) == {}
    assert cloud.state.containers == {}
    settings = cloud.state.store.children(
        f"{WORKSPACE_ID.partition('/providers/')[0]}/providers/Microsoft.Insights/autoscaleSettings"
    )
    assert settings == []
    gone = operator.run("invoke", "samples", "--endpoint", ENDPOINT, status=1)
    assert f"has no online endpoint {ENDPOINT}." in gone


def states(table: str) -> dict[str, str]:
    """The states that provision's table tells, by name."""
    lines = table.partition("\nWorkspace ")[2].partition("\n\n")[0].splitlines()[2:]
    rows = [COLUMNS.split(line) for line in lines]
    return {row[1]: row[2] for row in rows}


def deployments(cloud: Cloud) -> dict[str, str]:
    """The healthy deployments and their models."""
    found = cloud.state.store.children(f"{WORKSPACE_ID}/onlineEndpoints/{ENDPOINT}/deployments")
    return {
        d.name: str(d.properties["model"]).partition("/models/")[2]
        for d in found
        if d.state == "Succeeded"
    }


def traffic(cloud: Cloud) -> dict[str, int]:
    """Who gets how much."""
    endpoint = cloud.state.store.get(f"{WORKSPACE_ID}/onlineEndpoints/{ENDPOINT}")
    shares: dict[str, Any] = endpoint.properties["traffic"]
    return {name: share for name, share in shares.items() if share}


@contextmanager
def callers(cloud: Cloud) -> Iterator[list[Scored]]:
    """Somebody who has an image scored ten times a second; gives the answers."""
    answers: list[Scored] = []
    stop = threading.Event()
    image = (SAMPLES / "demo-high.png").read_bytes()
    client = connect_endpoint(connect(cloud.workspace), ENDPOINT)

    def call() -> None:
        while not stop.wait(0.1):
            answers.append(client.score(image))

    with closing(client), ThreadPoolExecutor(1) as pool:
        calling = pool.submit(call)
        try:
            yield answers
        finally:
            stop.set()
        calling.result()
