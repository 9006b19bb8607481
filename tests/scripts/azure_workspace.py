"""What the tests of the scripts on Azure begin with: a stand-in workspace with things in it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from azure.ai.ml import MLClient
from azure.ai.ml.entities import BuildContext, Environment, ManagedOnlineEndpoint, Model

from nsfw_detector.checkpoint import Checkpoint
from scripts.azure.deployment.deploying import ensure_deployed
from scripts.azure.deployment.file import pin_versions, read_deployment
from scripts.azure.workspace import connect
from scripts.paths import DEMO, ROOT
from tests.cloud.cloud import Cloud

ENDPOINT = "moderate"
PATIENT = ("--max-slowdown", "20")
"""For rollouts that are not about speed: this machine is not quiet."""


def register_model(cloud: Cloud, folder: Path = DEMO, name: str = "demo") -> str:
    """Register a checkpoint, with the digest as scripts.register_model notes it."""
    sha256 = Checkpoint.load(folder).sha256
    model = Model(name=name, path=folder, properties={"sha256": sha256})
    return str(connect(cloud.workspace).models.create_or_update(model).version)


def furnish(cloud: Cloud, tmp_path: Path) -> MLClient:
    """Put a model, an environment and an empty online endpoint into the workspace."""
    client = connect(cloud.workspace)
    register_model(cloud)
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    client.environments.create_or_update(
        Environment(name="serving", build=BuildContext(path=str(context)))
    )
    client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=ENDPOINT, auth_mode="key")
    ).result()
    return client


def write_deployment(folder: Path, name: str = "blue", **changes: object) -> Path:
    """Write a deployment's YAML whose code is this repository."""
    content = {
        "name": name,
        "endpoint_name": ENDPOINT,
        "model": "azureml:demo@latest",
        "environment": "azureml:serving@latest",
        "code_configuration": {"code": str(ROOT), "scoring_script": "score.py"},
        "instance_type": "Standard_F4s_v2",
        "instance_count": 1,
        "environment_variables": {
            "GUNICORN_CMD_ARGS": "--threads 4",
            "PRECISION": "fp32",
        },
        "request_settings": {"max_concurrent_requests_per_instance": 4},
    }
    path = folder / f"{name}.yml"
    path.write_text(yaml.safe_dump({**content, **changes}))
    return path


def put_deployment(client: MLClient, folder: Path, name: str = "blue", **changes: object) -> None:
    """Make a healthy deployment, without traffic."""
    deployment = read_deployment(write_deployment(folder, name, **changes))
    pin_versions(client, deployment)
    ensure_deployed(client, deployment)


@contextmanager
def start_script(cloud: Cloud, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start `python -m scripts.<...>` as a person would, in the stand-in's Azure; kill it after."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=cloud.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_script(
    cloud: Cloud, *arguments: str, timeout: float = 180
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    with start_script(cloud, *arguments) as process:
        out, error = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def run_script_until(
    cloud: Cloud, *arguments: str, line: str, then: Callable[[], None]
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end; as soon as it has printed a line with a text, do something."""
    with start_script(cloud, *arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        out = ""
        for text in process.stdout:
            out += text
            if line in text:
                then()
                break
        out += process.stdout.read()
        error = process.stderr.read()
    return subprocess.CompletedProcess(process.args, process.wait(), out, error)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def sent(cloud: Cloud, method: str, path: str) -> int:
    """How many requests of a kind were sent."""
    return sum(r.method == method and re.search(path, r.path) is not None for r in cloud.requests)
