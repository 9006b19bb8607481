"""Registries: uploads of their own, and deployments from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model

from scripts.azure.workspace import connect_registry
from scripts.paths import ROOT
from tests.cloud.cloud import Cloud
from tests.cloud.conftest import deployment

DEMO = ROOT / "models" / "demo"


@pytest.fixture
def registry(cloud: Cloud) -> MLClient:
    return connect_registry(cloud.registry, cloud.workspace)


def test_a_model_of_a_registry_is_served(
    cloud: Cloud, endpoint: MLClient, registry: MLClient, code: Path
) -> None:
    model = registry.models.create_or_update(
        Model(name="shared", version="1", path=DEMO, tags={"digest": "sha256:1"})
    )
    assert model.version == "1"
    assert registry.models.get("shared", label="latest").tags == {"digest": "sha256:1"}
    assert registry.models.create_or_update(Model(name="shared", path=DEMO)).version == "2"
    wanted = deployment(
        code, model=f"azureml://registries/{cloud.registry}/models/shared/versions/1"
    )
    endpoint.online_deployments.begin_create_or_update(wanted).result()
    (container,) = cloud.state.containers.values()
    assert container.recipe.model_path == "shared/1"


def test_a_registry_that_does_not_exist(cloud: Cloud) -> None:
    with pytest.raises(Exception, match=r"nowhere|ResourceNotFound|not found"):
        connect_registry("nowhere", cloud.workspace)
