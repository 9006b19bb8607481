"""The committed endpoints and deployments: the SDK takes them, and our own checks find nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.ai.ml import (
    load_batch_endpoint,
    load_online_deployment,
    load_online_endpoint,
)
from azure.ai.ml.entities import (
    BatchEndpoint,
    KubernetesOnlineDeployment,
    KubernetesOnlineEndpoint,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    ModelBatchDeployment,
)
from azure.ai.ml.entities._deployment.pipeline_component_batch_deployment import (
    PipelineComponentBatchDeployment,
)
from azure.ai.ml.entities._load_functions import (
    load_model_batch_deployment,
    load_pipeline_component_batch_deployment,
)

from nsfw_detector.settings import Settings
from nsfw_detector.threads import CONCURRENT_REQUESTS, SERVER_THREADS
from scripts.azure.checks import check_deployment, check_endpoint
from scripts.paths import ROOT

ENDPOINTS = sorted((ROOT / "endpoints").glob("*.yml"))
DEPLOYMENTS = sorted((ROOT / "deployments").glob("*.yml"))
WITH_SCRIPT = [path for path in DEPLOYMENTS if "pipeline" not in path.stem]
ONLINE = [path for path in DEPLOYMENTS if "batch" not in path.stem]
TYPES: dict[str, tuple[Any, type]] = {
    "endpoints/batch": (load_batch_endpoint, BatchEndpoint),
    "endpoints/kubernetes": (load_online_endpoint, KubernetesOnlineEndpoint),
    "endpoints/online": (load_online_endpoint, ManagedOnlineEndpoint),
    "endpoints/online-aad": (load_online_endpoint, ManagedOnlineEndpoint),
    "deployments/batch-cpu": (load_model_batch_deployment, ModelBatchDeployment),
    "deployments/batch-gpu": (load_model_batch_deployment, ModelBatchDeployment),
    "deployments/batch-pipeline": (
        load_pipeline_component_batch_deployment,
        PipelineComponentBatchDeployment,
    ),
    "deployments/kubernetes-cpu": (load_online_deployment, KubernetesOnlineDeployment),
    "deployments/online-cpu": (load_online_deployment, ManagedOnlineDeployment),
    "deployments/online-gpu": (load_online_deployment, ManagedOnlineDeployment),
}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _content(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", [*ENDPOINTS, *DEPLOYMENTS], ids=_name)
def test_the_sdk_takes_it_for_what_it_is(path: Path) -> None:
    load, kind = TYPES[_name(path)]
    assert type(load(path)) is kind


@pytest.mark.parametrize("path", WITH_SCRIPT, ids=_name)
def test_its_variables_reach_the_service(path: Path) -> None:
    load, _ = TYPES[_name(path)]
    sent = load(path)._to_rest_object("westeurope").properties.environment_variables
    variables = _content(path).get("environment_variables")
    if variables is None:
        variables = _content(path)["settings"]["environment_variables"]
    assert sent == variables
    assert all(isinstance(value, str) for value in sent.values())


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=_name)
def test_nothing_to_mend_in_a_deployment(path: Path) -> None:
    assert [f for f in check_deployment(path) if f.severity != "ok"] == []


@pytest.mark.parametrize("path", ENDPOINTS, ids=_name)
def test_nothing_to_mend_in_an_endpoint(path: Path) -> None:
    assert [f for f in check_endpoint(path) if f.severity != "ok"] == []


@pytest.mark.parametrize("path", ONLINE, ids=_name)
def test_threads_and_concurrency_are_those_of_the_server(path: Path) -> None:
    content = _content(path)
    variables = content["environment_variables"]
    assert variables["GUNICORN_CMD_ARGS"] == f"--threads {SERVER_THREADS}"
    concurrency = content["request_settings"]["max_concurrent_requests_per_instance"]
    assert concurrency == CONCURRENT_REQUESTS


@pytest.mark.parametrize("path", ONLINE, ids=_name)
def test_limits_in_the_file_are_the_defaults(path: Path) -> None:
    """They are there to be seen and changed; a new default must not be undone by them."""
    defaults = Settings.model_fields
    for name, value in _content(path)["environment_variables"].items():
        if name.startswith("MAX_"):
            assert value == str(defaults[name.lower()].default)


@pytest.mark.parametrize("path", [*ENDPOINTS, *DEPLOYMENTS], ids=_name)
def test_deployments_belong_to_endpoints_that_are_here(path: Path) -> None:
    names = {_content(p)["name"] for p in ENDPOINTS}
    assert _content(path).get("endpoint_name", _content(path)["name"]) in names


def test_the_pipelines_component_comes_with_it() -> None:
    loaded: Any = load_pipeline_component_batch_deployment(
        ROOT / "deployments" / "batch-pipeline.yml"
    )
    assert list(loaded.component.jobs) == ["score", "summarise", "sample_for_review"]
    clusters = {_content(path)["name"] for path in (ROOT / "compute").glob("*.yml")}
    assert loaded.settings["default_compute"] in clusters
