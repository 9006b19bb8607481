"""The demo checkpoint deployed at the stand-in for Azure, by the SDK alone."""

from __future__ import annotations

import shutil
from pathlib import Path

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

from scripts.paths import DEMO, ROOT

ENDPOINT = "moderate"


def make_endpoint(client: MLClient, auth_mode: str) -> None:
    """Make an endpoint without deployments."""
    client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=ENDPOINT, auth_mode=auth_mode)
    ).result()


def deploy(client: MLClient, folder: Path, auth_mode: str, traffic: int = 100) -> None:
    """Make an endpoint with the deployment blue; `folder` is for files on the way."""
    code, context = folder / "code", folder / "context"
    skip = shutil.ignore_patterns("*.pyc")
    shutil.copytree(ROOT / "nsfw_detector", code / "nsfw_detector", ignore=skip)
    shutil.copy(ROOT / "score.py", code)
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    make_endpoint(client, auth_mode)
    client.models.create_or_update(Model(name="demo", path=DEMO))
    client.environments.create_or_update(
        Environment(name="serving", build=BuildContext(path=str(context)))
    )
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=ENDPOINT,
        model="demo@latest",
        environment="serving@latest",
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
        instance_type="Standard_F4s_v2",
        instance_count=1,
        environment_variables={"GUNICORN_CMD_ARGS": "--threads 4"},
        request_settings=OnlineRequestSettings(max_concurrent_requests_per_instance=4),
    )
    client.online_deployments.begin_create_or_update(deployment).result()
    endpoint = client.online_endpoints.get(ENDPOINT)
    endpoint.traffic = {"blue": traffic}
    client.online_endpoints.begin_create_or_update(endpoint).result()
