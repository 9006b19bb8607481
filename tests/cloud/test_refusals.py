"""What the stand-in refuses, as Azure would: nothing here needs a container."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    BuildContext,
    Environment,
    ManagedOnlineEndpoint,
    Model,
    OnlineRequestSettings,
    ProbeSettings,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential

from scripts.azure.workspace import connect
from scripts.paths import ROOT
from tests.cloud import names, tokens
from tests.cloud.cloud import Cloud
from tests.cloud.conftest import deployment, set_traffic

MANAGEMENT = "https://management.azure.com"


def deploy(client: MLClient, code: Path, **changes: Any) -> None:
    client.online_deployments.begin_create_or_update(deployment(code, **changes)).result()


def test_sign_in_needs_the_right_secret(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "guessed")
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        connect(cloud.workspace).online_endpoints.get("any")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "mispelt"}, "workspaces/mispelt' under resource group"),
        ({"resource_group": "mispelt"}, "Resource group 'mispelt' could not be found"),
    ],
)
def test_a_workspace_that_does_not_exist(cloud: Cloud, changes: dict[str, str], said: str) -> None:
    elsewhere = connect(replace(cloud.workspace, **changes))
    with pytest.raises(ResourceNotFoundError, match=said):
        elsewhere.workspaces.get()
    with pytest.raises(ResourceNotFoundError, match=said):
        elsewhere.online_endpoints.get("any")


def test_a_token_is_for_one_audience(cloud: Cloud) -> None:
    credential = DefaultAzureCredential()
    for audience, status in (("https://ml.azure.com", 401), (MANAGEMENT, 200)):
        token = credential.get_token(f"{audience}/.default").token
        answer = requests.get(
            f"{MANAGEMENT}{cloud.workspace.arm_id}?api-version=2024-10-01",
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == status
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        credential.get_token("https://example.org/.default")


@pytest.mark.parametrize(
    ("query", "code"),
    [("", "MissingApiVersionParameter"), ("?api-version=1999", "NoRegisteredProviderFound")],
)
def test_an_api_version_is_needed(cloud: Cloud, query: str, code: str) -> None:
    token = tokens.issue(MANAGEMENT)
    answer = requests.get(
        f"{MANAGEMENT}{cloud.workspace.arm_id}{query}", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.json()["error"]["code"] == code


def test_a_model_version_does_not_change(client: MLClient, tmp_path: Path) -> None:
    def register(**fields: Any) -> Any:
        return client.models.create_or_update(Model(name="demo", **fields))

    demo = ROOT / "models" / "demo"
    assert register(path=demo, tags={"digest": "1"}).version == "1"
    assert register(path=demo).version == "2"
    assert register(path=demo, version="1", tags={"digest": "2"}).tags == {"digest": "2"}
    assert client.models.get("demo", label="latest").version == "2"
    (tmp_path / "other").write_text("other weights")
    with pytest.raises(HttpResponseError, match="Asset paths cannot be updated"):
        register(path=tmp_path / "other", version="1")
    versions = client.models.list("demo")
    assert sorted(m.version for m in versions) == ["1", "2"]


def test_an_environment_needs_a_dockerfile(client: MLClient, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no Dockerfile")
    with pytest.raises(HttpResponseError, match="no Dockerfile"):
        client.environments.create_or_update(
            Environment(name="serving", build=BuildContext(path=str(tmp_path)))
        )


def test_a_signature_that_has_run_out(cloud: Cloud, client: MLClient) -> None:
    cloud.state.storage.sas_minutes = -60
    with pytest.raises(Exception, match=r"AuthenticationFailed|AuthorizationFailure"):
        client.models.create_or_update(Model(name="demo", path=ROOT / "models" / "demo"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"request_settings": OnlineRequestSettings(request_timeout_ms=180_001)}, "RequestTimeout"),
        ({"instance_count": 0}, "Sku.Capacity"),
        ({"instance_type": "Standard_Imaginary"}, "InstanceType"),
        ({"environment_variables": {"THREADS": 4}}, "environmentVariables.THREADS"),
        ({"liveness_probe": ProbeSettings(timeout=300)}, "livenessProbe.timeout"),
        ({"readiness_probe": ProbeSettings(failure_threshold=0)}, "failureThreshold"),
        ({"environment": None}, "environment"),
    ],
)
def test_fields_that_the_sdk_lets_pass(
    endpoint: MLClient, code: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(HttpResponseError, match=message):
        deploy(endpoint, code, **changes)


def test_what_a_deployment_names_must_exist(endpoint: MLClient, code: Path) -> None:
    with pytest.raises(HttpResponseError, match="does not exist"):
        deploy(endpoint, code, model="demo:9")


def test_quota_counts_the_reserve(cloud: Cloud, endpoint: MLClient, code: Path) -> None:
    cloud.state.quota["standardFSv2Family"] = 7  # one instance of 4 cores takes 8
    with pytest.raises(HttpResponseError, match="Not enough quota available for Standard_F4s_v2"):
        deploy(endpoint, code)
    (family,) = [
        u for u in endpoint.compute.list_usage() if u.name["value"] == "standardFSv2Family"
    ]
    assert family.limit == 7


def test_traffic_adds_up_and_goes_somewhere(endpoint: MLClient) -> None:
    with pytest.raises(HttpResponseError, match="add up to 0 or 100, not 50"):
        set_traffic(endpoint, blue=50)
    with pytest.raises(HttpResponseError, match="no healthy deployment 'blue'"):
        set_traffic(endpoint, blue=100)


def test_keys_are_made_anew(endpoint: MLClient) -> None:
    before = endpoint.online_endpoints.get_keys("moderate")
    endpoint.online_endpoints.begin_regenerate_keys("moderate", key_type="secondary").result()
    after = endpoint.online_endpoints.get_keys("moderate")
    assert after.primary_key == before.primary_key
    assert after.secondary_key != before.secondary_key


def test_a_name_that_others_have(cloud: Cloud, client: MLClient) -> None:
    cloud.state.taken_names.add("moderate")
    with pytest.raises(HttpResponseError, match="already an endpoint with this name"):
        client.online_endpoints.begin_create_or_update(
            ManagedOnlineEndpoint(name="Moderate", auth_mode="key")
        ).result()


def test_one_operation_at_a_time(cloud: Cloud, endpoint: MLClient) -> None:
    cloud.hold_operations()
    wanted = ManagedOnlineEndpoint(name="moderate", auth_mode="key", description="changed")
    running = endpoint.online_endpoints.begin_create_or_update(wanted)
    assert endpoint.online_endpoints.get("moderate").provisioning_state == "Updating"
    with pytest.raises(ResourceExistsError, match="another operation on same entity"):
        endpoint.online_endpoints.begin_delete("moderate")
    cloud.release_operations()
    assert running.result().description == "changed"


def test_answers_that_a_test_puts_in_the_way(cloud: Cloud, client: MLClient) -> None:
    cloud.answer_next("GET", "/onlineEndpoints/busy$", 429, "TooManyRequests", "Wait.", times=1)
    cloud.answer_next("GET", "/onlineEndpoints/busy$", 503, "ServerBusy", "Wait.", times=1)
    with pytest.raises(ResourceNotFoundError):  # the SDK asked again, twice
        client.online_endpoints.get("busy")
    asked = [r for r in cloud.requests if r.path.endswith("/onlineEndpoints/busy")]
    assert len(asked) == 3
    assert {r.api_version for r in asked} == {"2022-02-01-preview"}
    cloud.answer_next("GET", "/onlineEndpoints/busy$", 409, "Conflict", "Another is at work.")
    with pytest.raises(ResourceExistsError, match="Another is at work"):
        client.online_endpoints.get("busy")


def test_nothing_leaves_the_machine(cloud: Cloud) -> None:
    for host in ("example.org", "169.254.169.254", "blob.core.windows.net.example.org"):
        with pytest.raises(OSError, match="Not part of the stand-in"):
            names.getaddrinfo(cloud.port, host, 443)
    ((*_, address),) = names.getaddrinfo(cloud.port, names.MANAGEMENT, 443, type=1)
    assert address == ("127.0.0.1", cloud.port)
