"""The stand-in, driven by the real SDK."""

from __future__ import annotations

import json
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
from scripts.local_server import ROOT
from tests.cloud.cloud import Cloud

SAMPLE = ROOT / "samples" / "requests" / "native.json"


@pytest.fixture
def client(cloud: Cloud) -> MLClient:
    return connect(cloud.workspace)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    shutil.copy(ROOT / "score.py", folder)
    shutil.copy(ROOT / "swagger3.json", folder)
    shutil.copytree(
        ROOT / "nsfw_detector", folder / "nsfw_detector", ignore=shutil.ignore_patterns("*.pyc")
    )
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    return Environment(name="serving", build=BuildContext(path=str(context)))


def deployment(code: Path, **changes: Any) -> ManagedOnlineDeployment:
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


def test_from_files_to_an_answer(
    cloud: Cloud, client: MLClient, code: Path, environment: Environment
) -> None:
    model = client.models.create_or_update(Model(name="demo", path=ROOT / "models" / "demo"))
    assert model.version == "1"
    assert client.environments.create_or_update(environment).version == "1"
    client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="moderate", auth_mode="key")
    ).result()
    client.online_deployments.begin_create_or_update(deployment(code)).result()
    endpoint = client.online_endpoints.get("moderate")
    endpoint.traffic = {"blue": 100}
    client.online_endpoints.begin_create_or_update(endpoint).result()

    answer = json.loads(client.online_endpoints.invoke("moderate", request_file=SAMPLE))

    assert answer["model"]["name"] == "nsfw-detector-demo"
    assert "Healthy" not in answer
    assert "gunicorn" in client.online_deployments.get_logs("blue", "moderate", lines=50)
