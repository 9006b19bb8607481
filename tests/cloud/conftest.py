"""What the tests of the stand-in share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    BuildContext,
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
)

from scripts.azure.workspace import connect
from scripts.paths import ROOT
from tests.cloud.cloud import Cloud

SERVING = ("score.py", "swagger3.json", "nsfw_detector")


@pytest.fixture
def client(cloud: Cloud) -> MLClient:
    return connect(cloud.workspace)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The code that serves, and nothing else."""
    folder = tmp_path / "code"
    folder.mkdir()
    for name in SERVING:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


@pytest.fixture
def assets(client: MLClient, tmp_path: Path) -> MLClient:
    """The client of a workspace that has the model `demo` and the environment `serving`."""
    client.models.create_or_update(Model(name="demo", path=ROOT / "models" / "demo"))
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    client.environments.create_or_update(
        Environment(name="serving", build=BuildContext(path=str(context)))
    )
    return client


@pytest.fixture
def endpoint(assets: MLClient) -> MLClient:
    """The same, with the online endpoint `moderate`, too."""
    wanted = ManagedOnlineEndpoint(name="moderate", auth_mode="key")
    assets.online_endpoints.begin_create_or_update(wanted).result()
    return assets


def deployment(code: Path, **changes: Any) -> ManagedOnlineDeployment:
    """A deployment `blue` of the endpoint `moderate`."""
    fields: dict[str, Any] = {
        "name": "blue",
        "endpoint_name": "moderate",
        "model": "demo@latest",
        "environment": "serving@latest",
        "code_configuration": CodeConfiguration(code=str(code), scoring_script="score.py"),
        "instance_type": "Standard_F4s_v2",
        "instance_count": 1,
        "environment_variables": {"GUNICORN_CMD_ARGS": "--threads 4"},
        "request_settings": OnlineRequestSettings(
            request_timeout_ms=5000, max_concurrent_requests_per_instance=4
        ),
    }
    return ManagedOnlineDeployment(**{**fields, **changes})


def set_traffic(client: MLClient, **traffic: int) -> None:
    """Route the traffic of `moderate`."""
    wanted = client.online_endpoints.get("moderate")
    wanted.traffic = traffic
    client.online_endpoints.begin_create_or_update(wanted).result()
