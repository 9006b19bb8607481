"""What the workspace says: the real SDK against the stand-in for Azure."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import AmlCompute, ManagedOnlineEndpoint, Model

from scripts.azure.checks import check_workspace, locks
from scripts.azure.findings import Finding
from scripts.azure.provisioning.environment import ensure_environment
from scripts.azure.workspace import connect
from scripts.paths import DEMO
from tests.cloud.arm.authorization import assignment
from tests.cloud.arm.paths import GROUP, WORKSPACE_ID
from tests.cloud.cloud import Cloud
from tests.scripts.azure.checks.files import changed

ENDPOINT = "nsfw-image-detector"
CPU, BATCH = "deployments/online-cpu", "deployments/batch-cpu"


@pytest.fixture
def client(cloud: Cloud) -> MLClient:
    return connect(cloud.workspace)


@pytest.fixture
def assets(client: MLClient) -> None:
    """A registered model, and environments from the locks that are here."""
    client.models.create_or_update(Model(name=ENDPOINT, path=DEMO))
    for name in ("cpu", "batch"):
        ensure_environment(client, locks.ENVIRONMENT / f"{name}.yml", dry_run=False)


@pytest.fixture
def endpoint(client: MLClient) -> str:
    """An endpoint whose identity has the roles that Azure gives it; gives that identity's id."""
    client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=ENDPOINT, auth_mode="key")
    ).result()
    return str(client.online_endpoints.get(ENDPOINT).identity.principal_id)


@pytest.fixture
def check(client: MLClient, cloud: Cloud, tmp_path: Path) -> Any:
    def check(file: str = CPU, **changes: Any) -> list[Finding]:
        path = changed(tmp_path, file, changes)
        before = len(cloud.requests)
        findings = check_workspace(client, cloud.workspace, path)
        sent = cloud.requests[before:]
        assert {r.method for r in sent if "login" not in r.host} <= {"GET"}  # changes nothing
        return [f for f in findings if f.severity != "ok"]

    return check


def add_deployment(cloud: Cloud, name: str, state: str = "Succeeded", size: str = "F4s") -> None:
    """A deployment that is already there, without the server behind it."""
    endpoint = cloud.state.store.get(f"{WORKSPACE_ID}/onlineEndpoints/{ENDPOINT}")
    cloud.state.store.put(
        f"{endpoint.id}/deployments/{name}",
        {"location": "westeurope", "kind": "Managed", "sku": {"name": "Default", "capacity": 1}},
        {
            "endpointComputeType": "Managed",
            "instanceType": f"Standard_{size}_v2",
            "provisioningState": state,
            "scaleSettings": {"scaleType": "Default"},
        },
    )


@pytest.mark.usefixtures("assets")
def test_a_new_deployment_of_a_new_endpoint(check: Any) -> None:
    assert check() == []


@pytest.mark.usefixtures("endpoint")
def test_what_is_missing_is_told_with_the_command_that_makes_it(check: Any) -> None:
    how = [f.how for f in check("deployments/batch-gpu") if "is not in" in f.what]
    assert how == [
        "python -m scripts.register_model <model>",
        "python -m scripts.provision environment/batch-gpu.yml",
        "python -m scripts.provision compute/batch-gpu.yml",
    ]


@pytest.mark.usefixtures("assets", "endpoint")
def test_another_deployment_of_an_endpoint(check: Any, cloud: Cloud) -> None:
    add_deployment(cloud, "green")
    cloud.state.store.get(f"{WORKSPACE_ID}/onlineEndpoints/{ENDPOINT}").properties["traffic"] = {
        "green": 100
    }
    assert check() == []


def test_nothing_registered(check: Any) -> None:
    model, environment = check()
    assert "model azureml:nsfw-image-detector@latest is not in" in model.what
    assert "scripts.register_model" in model.how
    assert "environment azureml:nsfw-image-detector-cpu@latest is not in" in environment.what


@pytest.mark.usefixtures("assets")
def test_a_version_that_does_not_exist(check: Any) -> None:
    (finding,) = check(model="azureml:nsfw-image-detector:9")
    assert "nsfw-image-detector:9 is not in" in finding.what


@pytest.mark.usefixtures("assets")
def test_an_image_from_another_lock(
    check: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(locks.ENVIRONMENT, tmp_path / "environment")
    with (tmp_path / "environment" / "cpu.lock").open("a") as lock:
        lock.write("numpy==1.0\n")
    monkeypatch.setattr(locks, "ENVIRONMENT", tmp_path / "environment")
    (finding,) = check()
    assert finding.severity == "warning"
    assert "nsfw-image-detector-cpu:1 was built from other locks" in finding.what


@pytest.mark.usefixtures("assets")
def test_quota_of_exactly_what_is_needed(check: Any, cloud: Cloud) -> None:
    cloud.state.quota["standardDASv4Family"] = 8  # 2 instances of 4 cores: one is reserved
    assert check() == []
    cloud.state.quota["standardDASv4Family"] = 7
    (finding,) = check()
    assert finding.severity == "error"
    assert "takes 8 cores, and of standardDASv4Family 7 of 7 are left" in finding.what


@pytest.mark.usefixtures("assets", "endpoint")
def test_quota_that_others_have_taken(check: Any, cloud: Cloud) -> None:
    cloud.state.quota["standardDASv4Family"] = 12
    add_deployment(cloud, "green")
    errors = [f.what for f in check() if f.severity == "error"]
    assert len(errors) == 1
    assert "4 of 12 are left" in errors[0]


@pytest.mark.usefixtures("assets", "endpoint")
def test_updating_a_deployment_takes_no_more_quota(check: Any, cloud: Cloud) -> None:
    cloud.state.quota["standardDASv4Family"] = 8
    add_deployment(cloud, "blue")
    assert [f for f in check() if f.severity == "error"] == []


@pytest.mark.usefixtures("assets", "endpoint")
def test_another_deployment_of_the_same_file_takes_quota(
    client: MLClient, cloud: Cloud, tmp_path: Path
) -> None:
    cloud.state.quota["standardDASv4Family"] = 8
    add_deployment(cloud, "blue")
    path = changed(tmp_path, CPU, {})
    findings = check_workspace(client, cloud.workspace, path, {"name": "green"})
    assert ["takes 8 cores" in f.what for f in findings if f.severity == "error"] == [True]


@pytest.mark.usefixtures("assets")
@pytest.mark.parametrize("role", ["AcrPull", "Storage Blob Data Reader"])
def test_a_missing_role(check: Any, cloud: Cloud, endpoint: str, role: str) -> None:
    lost = assignment(role, endpoint)["properties"]["roleDefinitionId"]
    cloud.state.role_assignments = [
        a for a in cloud.state.role_assignments if a["properties"]["roleDefinitionId"] != lost
    ]
    cloud.state.role_assignments.append(assignment("Reader", endpoint, GROUP))  # is not enough
    (finding,) = check()
    assert finding.severity == "warning"
    assert f"lacks {role} on" in finding.what
    assert f"az role assignment create --role '{role}'" in finding.how
    assert endpoint in finding.how


@pytest.mark.usefixtures("assets", "endpoint")
@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("Updating", "scripts.deploy waits"),
        ("Scaling", "scripts.deploy waits"),
        ("Deleting", "scripts.deploy waits"),
        ("Failed", f"scripts.delete {ENDPOINT} green"),
    ],
)
def test_a_deployment_that_is_not_ready(check: Any, cloud: Cloud, state: str, how: str) -> None:
    add_deployment(cloud, "green", state)
    (found,) = [f for f in check() if "deployment green" in f.what]
    assert found.severity == "warning"
    assert state in found.what
    assert how in found.how


@pytest.mark.usefixtures("assets", "endpoint")
@pytest.mark.parametrize(("state", "severity"), [("Updating", "warning"), ("Failed", "error")])
def test_an_endpoint_that_is_not_ready(check: Any, cloud: Cloud, state: str, severity: str) -> None:
    endpoint = cloud.state.store.get(f"{WORKSPACE_ID}/onlineEndpoints/{ENDPOINT}")
    endpoint.properties["provisioningState"] = state
    (finding,) = check()
    assert finding.severity == severity
    assert f"in the state {state}" in finding.what


@pytest.mark.usefixtures("assets", "endpoint")
def test_traffic(check: Any, cloud: Cloud) -> None:
    endpoint = cloud.state.store.get(f"{WORKSPACE_ID}/onlineEndpoints/{ENDPOINT}")
    endpoint.properties["traffic"] = {"gone": 30}
    add_deployment(cloud, "green")
    sums, gone = check()
    assert "adds up to 30 %" in sums.what
    assert "30 % of the traffic" in gone.what
    assert gone.severity == "error"


@pytest.mark.usefixtures("assets", "endpoint")
def test_too_many_deployments(check: Any, cloud: Cloud) -> None:
    for number in range(20):
        add_deployment(cloud, f"green{number}", size="F2s")
    assert any("has 20 deployments" in f.what for f in check())


@pytest.mark.usefixtures("assets")
def test_no_application_insights(check: Any, cloud: Cloud) -> None:
    cloud.state.store.get(WORKSPACE_ID).properties["applicationInsights"] = None
    (finding,) = check()
    assert "has no Application Insights" in finding.what


@pytest.mark.usefixtures("assets")
def test_batch(check: Any, client: MLClient) -> None:
    (finding,) = check(BATCH)
    assert "compute nsfw-batch-cpu is not in" in finding.what
    client.compute.begin_create_or_update(
        AmlCompute(name="nsfw-batch-cpu", size="Standard_F4s_v2", min_instances=0, max_instances=2)
    ).result()
    assert check(BATCH) == []
    client.compute.begin_create_or_update(
        AmlCompute(name="nsfw-batch-cpu", size="Standard_F4s_v2", min_instances=1, max_instances=2)
    ).result()
    (finding,) = check(BATCH)
    assert "never has fewer than 1 nodes" in finding.what


def test_no_such_workspace(client: MLClient, cloud: Cloud, tmp_path: Path) -> None:
    cloud.state.store.remove(WORKSPACE_ID)
    path = changed(tmp_path, CPU, {})
    (finding,) = check_workspace(client, cloud.workspace, path)
    assert "There is no workspace" in finding.what


def test_sign_in_refused(client: MLClient, cloud: Cloud, tmp_path: Path) -> None:
    cloud.answer_next("GET", r"workspaces/[^/]+$", 401, "InvalidAuthenticationToken", "Expired.")
    (finding,) = check_workspace(client, cloud.workspace, changed(tmp_path, CPU, {}))
    assert finding.severity == "error"
    assert "az login" in finding.how


@pytest.mark.usefixtures("assets")
def test_what_one_may_not_see_is_a_warning(check: Any, cloud: Cloud) -> None:
    cloud.answer_next("GET", "/usages", 403, "AuthorizationFailed", "No.", times=5)
    (finding,) = check()
    assert finding.severity == "warning"
    assert "quota could not be checked: Azure refused" in finding.what
