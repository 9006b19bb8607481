from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient

from scripts.azure.scoring.client import ScoringClient, ScoringError, connect_endpoint
from scripts.azure.workspace import connect
from scripts.errors import OperatorError
from scripts.local_server import LocalServer
from scripts.paths import SAMPLES
from tests.cloud.cloud import Cloud
from tests.scripts.azure.deployed import ENDPOINT, deploy, make_endpoint
from tests.scripts.azure.moody_server import Answer, MoodyServer, model_error

IMAGE = b"an image"


class TestAgainstTheRealServer:
    def test_result(self, demo_server: LocalServer, photos: list[Path]) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        levels = {p.name: client.score(p.read_bytes()).result["level"] for p in photos}
        assert levels["demo-high.png"] == "high"
        assert levels["cat.jpg"] == "neutral"

    def test_image_that_cannot_be_scored_is_a_result(self, demo_server: LocalServer) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        assert client.score(b"text").result["error"]["code"] == "image_format_unsupported"
        assert client.score(b"").result["error"]["code"] == "image_empty"

    def test_bytes_that_look_like_a_form(self, demo_server: LocalServer) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        scored = client.score(b'\r\n--boundary--\r\nContent-Disposition: form-data; name="options"')
        assert scored.result["error"]["code"] == "image_format_unsupported"

    def test_options(self, demo_server: LocalServer, photos: list[Path]) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        [image] = [p.read_bytes() for p in photos if p.name == "demo-medium.png"]
        strict = {"policy": {"block": {"medium": 0.5}}, "return": ["scores", "embedding"]}
        assert client.score(image).result["decision"] == "review"
        result = client.score(image, strict).result
        assert result["decision"] == "block"
        assert result["embedding"]

    def test_options_not_valid(self, demo_server: LocalServer) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        with pytest.raises(ScoringError, match=r"block\.extreme") as caught:
            client.score(IMAGE, {"policy": {"block": {"extreme": 0.5}}})
        assert caught.value.code == "policy_invalid"
        assert caught.value.concerns_all
        assert caught.value.attempts == 1

    def test_wrong_path(self, demo_server: LocalServer) -> None:
        with pytest.raises(ScoringError) as caught:
            ScoringClient(demo_server.url).score(IMAGE)
        assert caught.value.status == 405
        assert "/score" in caught.value.remedy


class TestErrors:
    @pytest.mark.parametrize(
        ("body", "code", "message"),
        [
            ({"error": {"code": "overloaded", "message": "Too much."}}, "overloaded", "Too much."),
            ({"message": "An unexpected error"}, "http_413", "An unexpected error"),
            ({"error": "plain"}, "http_413", "plain"),
            ({"other": 1}, "http_413", "other"),
            (b"\xff\xfe", "http_413", "413"),
            (b"", "http_413", "Entity Too Large"),
            ([1], "http_413", "1"),
        ],
    )
    def test_what_the_server_says_is_shown(
        self, server: MoodyServer, body: Any, code: str, message: str
    ) -> None:
        server.answers = [Answer(413, body)]
        with pytest.raises(ScoringError, match=message) as caught:
            ScoringClient(server.url).score(IMAGE)
        assert caught.value.code == code

    def test_status_of_the_container(self, server: MoodyServer) -> None:
        body = {"error": {"code": "request_too_large", "message": "Too large."}}
        server.answers = [model_error(413, body)]
        with pytest.raises(ScoringError, match="413: Too large") as caught:
            ScoringClient(server.url).score(IMAGE)
        assert caught.value.status == 413
        assert not caught.value.concerns_all

    @pytest.mark.parametrize("told", ["", "unknown", "-1", "²"])
    def test_status_that_is_none(self, server: MoodyServer, told: str) -> None:
        encoded = told.encode().decode("latin-1")
        server.answers = [Answer(424, {}, {"ms-azureml-model-error-statuscode": encoded})]
        assert ScoringClient(server.url).score(IMAGE).attempts == 2

    def test_redirect_is_not_followed(self, server: MoodyServer) -> None:
        server.answers = [Answer(302, headers={"Location": "/login"})]
        with pytest.raises(ScoringError) as caught:
            ScoringClient(server.url).score(IMAGE)
        assert caught.value.status == 302
        assert caught.value.concerns_all

    def test_nobody_listens(self) -> None:
        with MoodyServer() as server:
            url = server.url
        with pytest.raises(ScoringError, match="refused") as caught:
            ScoringClient(url).score(IMAGE)
        assert caught.value.code == "unreachable"
        assert caught.value.attempts == 5


class TestRequests:
    def test_what_is_sent(self, server: MoodyServer) -> None:
        ScoringClient(server.url, lambda: "Bearer k", "green").score(IMAGE)
        [asked] = server.asked
        assert asked.path == "/score"
        assert asked.headers["Authorization"] == "Bearer k"
        assert asked.headers["azureml-model-deployment"] == "green"
        assert "filename" not in asked.body.decode()

    def test_no_deployment_no_key(
        self, server: MoodyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        ScoringClient(server.url).score(IMAGE)
        [asked] = server.asked
        assert asked.headers["Authorization"] is None
        assert asked.headers["azureml-model-deployment"] is None

    def test_connections_are_kept(self, server: MoodyServer) -> None:
        client = ScoringClient(server.url)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(client.score, [IMAGE] * 80))
        assert len(server.asked) == 80
        assert server.connections <= 8


@pytest.fixture
def workspace(cloud: Cloud) -> MLClient:
    return connect(cloud.workspace)


class TestOnAzure:
    @pytest.mark.parametrize("auth_mode", ["key", "aml_token", "aad_token"])
    def test_every_kind_of_key(
        self, cloud: Cloud, workspace: MLClient, tmp_path: Path, auth_mode: str
    ) -> None:
        deploy(workspace, tmp_path, auth_mode)
        client = connect_endpoint(workspace, ENDPOINT)
        sample = SAMPLES / "demo-high.png"
        for _ in range(3):
            assert client.score(sample.read_bytes()).result["level"] == "high"
        assert client.score(b"text").result["error"]["code"] == "image_format_unsupported"
        asked = [r.path for r in cloud.requests if r.path.endswith(("/listKeys", "/token"))]
        assert len([path for path in asked if ENDPOINT in path]) == (auth_mode != "aad_token")

    def test_key_regenerated_and_deployment_named(
        self, cloud: Cloud, workspace: MLClient, tmp_path: Path
    ) -> None:
        deploy(workspace, tmp_path, "key", traffic=0)
        image = (SAMPLES / "cat.jpg").read_bytes()
        with pytest.raises(ScoringError) as caught:
            connect_endpoint(workspace, ENDPOINT).score(image)
        assert caught.value.status == 404
        assert "traffic" in caught.value.remedy

        client = connect_endpoint(workspace, ENDPOINT, "blue")
        assert client.score(image).attempts == 1
        workspace.online_endpoints.begin_regenerate_keys(ENDPOINT, key_type="primary").result()
        assert client.score(image).attempts == 2
        assert client.score(image).attempts == 1

        with pytest.raises(OperatorError, match="no deployment green") as missing:
            connect_endpoint(workspace, ENDPOINT, "green")
        assert "blue" in missing.value.remedy

    def test_platform_refuses_for_a_while(
        self, cloud: Cloud, workspace: MLClient, tmp_path: Path
    ) -> None:
        deploy(workspace, tmp_path, "key")
        client = connect_endpoint(workspace, ENDPOINT)
        image = (SAMPLES / "cat.jpg").read_bytes()
        cloud.answer_next("POST", "inference.ml.azure.com/score", 429, times=3)
        assert client.score(image).attempts == 4

    def test_no_such_endpoint(self, cloud: Cloud, workspace: MLClient) -> None:
        with pytest.raises(OperatorError, match="no online endpoint elsewhere"):
            connect_endpoint(workspace, "elsewhere")

    def test_endpoint_without_deployment(self, cloud: Cloud, workspace: MLClient) -> None:
        make_endpoint(workspace, "key")
        with pytest.raises(OperatorError, match="no deployment blue") as caught:
            connect_endpoint(workspace, ENDPOINT, "blue")
        assert "none" in caught.value.remedy
