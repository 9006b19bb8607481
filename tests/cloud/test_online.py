"""Online endpoints, driven by the real SDK, with the real inference server behind them."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.ai.ml.entities import (
    DataCollector,
    DeploymentCollection,
    ManagedOnlineEndpoint,
    OnlineRequestSettings,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from scripts.paths import ROOT
from tests.cloud.cloud import Cloud
from tests.cloud.conftest import deployment, set_traffic

SAMPLE = ROOT / "samples" / "requests" / "native.json"
CAT = (ROOT / "samples" / "cat.jpg").read_bytes()
SLEEPER = """
import time
def init(): pass
def run(data):
    time.sleep(float(data or 0))
    return "slept"
"""


def script(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "score.py").write_text(text)
    return folder


def post(client: MLClient, body: bytes, **headers: str) -> requests.Response:
    endpoint = client.online_endpoints.get("moderate")
    key = client.online_endpoints.get_keys("moderate").primary_key
    return requests.post(
        endpoint.scoring_uri, body, headers={"Authorization": f"Bearer {key}", **headers}
    )


def test_from_files_to_an_answer_and_back(cloud: Cloud, endpoint: MLClient, code: Path) -> None:
    client = endpoint
    client.online_deployments.begin_create_or_update(deployment(code)).result()
    set_traffic(client, blue=100)

    answer = json.loads(client.online_endpoints.invoke("moderate", request_file=SAMPLE))
    assert answer["model"]["name"] == "nsfw-detector-demo"

    response = post(client, CAT, **{"Content-Type": "image/jpeg"})
    assert response.json()["results"][0]["level"] == "neutral"
    assert response.headers["azureml-model-deployment"] == "blue"

    broken = post(client, b"no image", **{"Content-Type": "image/jpeg"})
    assert broken.status_code == 424
    assert broken.headers["ms-azureml-model-error-statuscode"] in ("415", "422")

    endpoint_url = client.online_endpoints.get("moderate").scoring_uri
    stranger = requests.post(endpoint_url, CAT, headers={"Authorization": "Bearer wrong"})
    assert stranger.status_code == 401
    assert "gunicorn" in client.online_deployments.get_logs("blue", "moderate", lines=200)

    with pytest.raises(HttpResponseError, match="cannot be deleted"):
        client.online_deployments.begin_delete("blue", "moderate").result()
    (container,) = cloud.state.containers.values()
    client.online_endpoints.begin_delete("moderate").result()
    assert not cloud.exists("onlineEndpoints/moderate/deployments/blue")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{container.port}/")


def test_a_script_in_its_own_process(cloud: Cloud, endpoint: MLClient) -> None:
    program = (
        "from scripts.azure.workspace import *\n"
        "import argparse, os\n"
        "none = argparse.Namespace(subscription=None, resource_group=None, workspace=None)\n"
        "client = connect(find_workspace(none, os.environ))\n"
        "print([e.name for e in client.online_endpoints.list()])\n"
        "import socket\n"
        "for host, port in (('example.org', 443), ('management.azure.com', 80)):\n"
        "    try: socket.create_connection((host, port))\n"
        "    except socket.gaierror as error: print(error)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env=cloud.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert "['moderate']" in finished.stdout
    assert finished.stdout.count("Not part of the stand-in") == 2


def test_traffic_header_and_mirror(cloud: Cloud, endpoint: MLClient, tmp_path: Path) -> None:
    folder = script(tmp_path, SLEEPER)
    for name in ("blue", "green"):
        endpoint.online_deployments.begin_create_or_update(deployment(folder, name=name)).result()
    assert post(endpoint, b"").status_code == 404  # no traffic yet
    assert post(endpoint, b"", **{"azureml-model-deployment": "green"}).text == '"slept"'
    set_traffic(endpoint, blue=80, green=20)
    taken = [post(endpoint, b"").headers["azureml-model-deployment"] for _ in range(10)]
    assert (taken.count("blue"), taken.count("green")) == (8, 2)

    wanted = endpoint.online_endpoints.get("moderate")
    wanted.traffic, wanted.mirror_traffic = {"blue": 100}, {"green": 50}
    endpoint.online_endpoints.begin_create_or_update(wanted).result()
    for _ in range(4):
        assert post(endpoint, b"").headers["azureml-model-deployment"] == "blue"
    cloud.finish()
    mirrored = [s for s in cloud.state.traffic.answered if s.mirrored]
    assert [s.deployment.rpartition("/")[2] for s in mirrored] == ["green", "green"]


def test_limits_of_a_deployment(cloud: Cloud, endpoint: MLClient, tmp_path: Path) -> None:
    limits = OnlineRequestSettings(request_timeout_ms=1000, max_concurrent_requests_per_instance=1)
    wanted = deployment(script(tmp_path, SLEEPER), request_settings=limits)
    endpoint.online_deployments.begin_create_or_update(wanted).result()
    set_traffic(endpoint, blue=100)
    assert post(endpoint, b"3").status_code == 408
    with ThreadPoolExecutor(6) as pool:
        statuses = [r.status_code for r in pool.map(lambda _: post(endpoint, b"0.5"), range(6))]
    assert 429 in statuses
    assert statuses.count(200) >= 1


def test_data_collection_of_a_deployment(endpoint: MLClient, tmp_path: Path) -> None:
    collector = DataCollector(
        collections={"model_outputs": DeploymentCollection(enabled="True")}, sampling_rate=0.5
    )
    wanted = deployment(script(tmp_path, SLEEPER), data_collector=collector)
    endpoint.online_deployments.begin_create_or_update(wanted).result()
    assert endpoint.data.get("moderate-blue-model_outputs", version="1").type == "uri_folder"
    shown = endpoint.online_deployments.get("blue", "moderate").data_collector
    assert shown.collections["model_outputs"].enabled == "true"


def test_a_container_that_crashes(cloud: Cloud, endpoint: MLClient, tmp_path: Path) -> None:
    folder = script(tmp_path, "def init():\n    raise RuntimeError('no weights')\ndef run(d): pass")
    with pytest.raises(HttpResponseError, match="User container has crashed"):
        endpoint.online_deployments.begin_create_or_update(deployment(folder)).result()
    log = endpoint.online_deployments.get_logs("blue", "moderate", lines=100)
    assert "RuntimeError: no weights" in log
    state = endpoint.online_deployments.get("blue", "moderate").provisioning_state
    assert state == "Failed"
    with pytest.raises(HttpResponseError, match="Delete and re-create"):
        endpoint.online_deployments.begin_create_or_update(deployment(folder)).result()
    with pytest.raises(HttpResponseError, match="no healthy deployment"):
        set_traffic(endpoint, blue=100)
    endpoint.online_deployments.begin_delete("blue", "moderate").result()
    with pytest.raises(ResourceNotFoundError):
        endpoint.online_deployments.get("blue", "moderate")


def test_a_failure_that_is_planned(cloud: Cloud, endpoint: MLClient, tmp_path: Path) -> None:
    folder = script(tmp_path, SLEEPER)
    cloud.deployment_fails(
        "blue", "ImageBuildFailure", "The image build failed.", "no such package"
    )
    with pytest.raises(HttpResponseError, match="ImageBuildFailure"):
        endpoint.online_deployments.begin_create_or_update(deployment(folder)).result()
    assert "no such package" in endpoint.online_deployments.get_logs("blue", "moderate", lines=5)


def test_an_update_that_fails_leaves_the_old_one_serving(
    cloud: Cloud, endpoint: MLClient, tmp_path: Path
) -> None:
    folder = script(tmp_path, SLEEPER)
    endpoint.online_deployments.begin_create_or_update(deployment(folder)).result()
    set_traffic(endpoint, blue=100)
    worse = tmp_path / "worse"
    worse.mkdir()
    (worse / "score.py").write_text("import nothing_like_this")
    with pytest.raises(HttpResponseError, match="crashed"):
        endpoint.online_deployments.begin_create_or_update(deployment(worse)).result()
    assert post(endpoint, b"").text == '"slept"'
    containers = list(cloud.state.containers.values())
    again = deployment(folder, instance_count=2)  # the same code, so nothing restarts
    assert endpoint.online_deployments.begin_create_or_update(again).result().instance_count == 2
    assert list(cloud.state.containers.values()) == containers


def test_tokens_of_the_endpoint_and_of_the_directory(
    cloud: Cloud, assets: MLClient, tmp_path: Path
) -> None:
    folder = script(tmp_path, SLEEPER)
    endpoints = assets.online_endpoints
    for mode in ("aml_token", "aad_token"):
        name = f"moderate-{mode[:3]}"
        endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name, auth_mode=mode)).result()
        wanted = deployment(folder, endpoint_name=name)
        assets.online_deployments.begin_create_or_update(wanted).result()
        found = endpoints.get(name)
        found.traffic = {"blue": 100}
        endpoints.begin_create_or_update(found).result()
        token = endpoints.get_keys(name).access_token
        url = found.scoring_uri
        assert requests.post(url, headers={"Authorization": f"Bearer {token}"}).ok
        assert requests.post(url, headers={"Authorization": "Bearer x"}).status_code == 401
