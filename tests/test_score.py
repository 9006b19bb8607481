"""score.py under the real inference server, with the clients that people use."""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import requests

from nsfw_detector import Detector, Embedding
from nsfw_detector.settings import Settings
from scripts.local_server import LocalServer, ServerStartError
from scripts.paths import DEMO, ROOT, SAMPLES

EXPECTED = {
    "cat.jpg": "neutral",
    "demo-low.png": "low",
    "demo-medium.png": "medium",
    "demo-high.png": "high",
}


def b64(name: str) -> str:
    return base64.b64encode((SAMPLES / name).read_bytes()).decode()


def post(server: LocalServer, **arguments: Any) -> requests.Response:
    return requests.post(f"{server.url}/score", timeout=60, **arguments)


def levels(body: dict[str, Any]) -> list[str]:
    return [result["level"] for result in body["results"]]


def test_native(demo_server: LocalServer) -> None:
    images = [{"id": name, "content": b64(name)} for name in EXPECTED]
    answer = post(demo_server, json={"images": images})
    assert answer.status_code == 200
    body = answer.json()
    assert "demo" in body["model"]["name"]
    assert {r["id"]: r["level"] for r in body["results"]} == EXPECTED


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream"])
def test_raw_body(demo_server: LocalServer, content_type: str) -> None:
    data = (SAMPLES / "demo-high.png").read_bytes()
    answer = post(demo_server, data=data, headers={"Content-Type": content_type})
    assert levels(answer.json()) == ["high"]


def test_multipart(demo_server: LocalServer) -> None:
    files = [("file", (name, (SAMPLES / name).read_bytes())) for name in EXPECTED]
    assert levels(post(demo_server, files=files).json()) == list(EXPECTED.values())


def test_curl_with_its_default_content_type(demo_server: LocalServer, tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"images": [b64("demo-low.png")]}))
    command = ["curl", "-s", "-d", f"@{body}", f"{demo_server.url}/score"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert levels(json.loads(done.stdout)) == ["low"]


def test_model_catalogue(demo_server: LocalServer) -> None:
    body = post(demo_server, json={"input_data": [b64(name) for name in EXPECTED]}).json()
    assert [answer[0]["label"] for answer in body] == list(EXPECTED.values())


def test_automl(demo_server: LocalServer) -> None:
    data = {"columns": ["image"], "data": [b64("cat.jpg"), b64("demo-high.png")]}
    body = post(demo_server, json={"input_data": data}).json()
    best = [a["labels"][a["probs"].index(max(a["probs"]))] for a in body]
    assert best == ["neutral", "high"]


def test_content_safety_with_the_official_client(demo_server: LocalServer) -> None:
    from azure.ai.contentsafety import ContentSafetyClient
    from azure.ai.contentsafety.models import (
        AnalyzeImageOptions,
        ImageCategory,
        ImageData,
    )
    from azure.core.credentials import AzureKeyCredential
    from azure.core.exceptions import HttpResponseError
    from azure.core.pipeline.policies import SansIOHTTPPolicy

    class ToScore(SansIOHTTPPolicy[Any, Any]):
        """The client's path is fixed; in Azure a gateway maps it to /score, here this does."""

        def on_request(self, request: Any) -> None:
            request.http_request.url = f"{demo_server.url}/score"

    client = ContentSafetyClient(
        demo_server.url,
        AzureKeyCredential("none"),
        per_call_policies=[ToScore()],
    )

    def severity(name: str, **options: Any) -> list[tuple[str, int | None]]:
        image = ImageData(content=(SAMPLES / name).read_bytes())
        answer = client.analyze_image(AnalyzeImageOptions(image=image, **options))
        return [(str(a.category), a.severity) for a in answer.categories_analysis]

    sexual = ImageCategory.SEXUAL
    for name, expected in zip(EXPECTED, (0, 2, 4, 6), strict=True):
        assert severity(name, categories=[sexual]) == [(sexual, expected)]
    with pytest.raises(HttpResponseError) as refused:
        severity("cat.jpg", categories=[ImageCategory.VIOLENCE])
    assert refused.value.status_code == 400
    assert refused.value.error is not None
    assert refused.value.error.code == "InvalidRequestBody"
    with pytest.raises(HttpResponseError) as unreadable:
        client.analyze_image(AnalyzeImageOptions(image=ImageData(content=b"no image")))
    assert unreadable.value.error is not None


def test_the_embedding_alone(demo_server: LocalServer) -> None:
    options = {"return": ["embedding"], "normalize": True}
    body = {"images": [b64("cat.jpg")], "options": options}
    (result,) = post(demo_server, json=body).json()["results"]
    assert set(result) == {"id", "level", "decision", "width", "height", "embedding"}
    assert np.linalg.norm(result["embedding"]) == pytest.approx(1, abs=1e-5)


def test_layers_where_none_are_chosen(demo_server: LocalServer) -> None:
    body = {"images": [b64("cat.jpg")], "options": {"return": ["layers"]}}
    answer = post(demo_server, json=body)
    assert answer.status_code == 400
    assert "EMBEDDING_LAYERS" in answer.json()["error"]["message"]


def test_layers() -> None:
    body = {
        "images": [b64("cat.jpg"), "!!"],
        "options": {"return": ["scores", "embedding", "layers"]},
    }
    environment = {"PRECISION": "fp32", "SCALED_DECODING": "false", "EMBEDDING_LAYERS": "2,0"}
    with LocalServer(DEMO, environment) as server:
        result, failed = post(server, json=body).json()["results"]
    assert failed["error"]["code"] == "image_not_base64"
    assert list(result["layers"]) == ["0", "2"]
    settings = Settings(precision="fp32", scaled_decoding=False, embedding_layers=(0, 2))
    detector = Detector.load(DEMO, settings)
    (expected,) = detector.embed([SAMPLES / "cat.jpg"])
    detector.close()
    assert isinstance(expected, Embedding)
    np.testing.assert_allclose(result["embedding"], expected.vector, atol=1e-5)
    for block, numbers in result["layers"].items():
        np.testing.assert_allclose(numbers, expected.layers[int(block)], atol=1e-5)


def test_a_layer_that_is_not_there_never_becomes_ready() -> None:
    with (
        pytest.raises(ServerStartError, match="EMBEDDING_LAYERS: this checkpoint has the blocks 0"),
        LocalServer(DEMO, {"EMBEDDING_LAYERS": "4"}),
    ):
        pass


def test_hugging_face_inference(demo_server: LocalServer) -> None:
    body = post(demo_server, json={"inputs": b64("demo-medium.png")}).json()
    assert body[0]["label"] == "medium"


@pytest.mark.parametrize("name", sorted(p.name for p in (SAMPLES / "requests").glob("*.json")))
def test_the_sample_requests_are_answered(demo_server: LocalServer, name: str) -> None:
    data = (SAMPLES / "requests" / name).read_bytes()
    answer = post(demo_server, data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.json()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"data": b""}, 400),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"json": {"images": "x"}}, 400),
        ({"json": {"pictures": []}}, 400),
        ({"data": b"<svg/>", "headers": {"Content-Type": "text/html"}}, 400),
        ({"data": b"x", "headers": {"Content-Type": "video/mp4"}}, 415),
        ({"data": b"x", "headers": {"Content-Type": "image/jpeg"}}, 415),
        ({"data": b"\xff\xd8\xff\xe0" + b"x" * 99, "headers": {"Content-Type": "image/jpeg"}}, 422),
    ],
)
def test_what_cannot_be_scored_is_said(
    demo_server: LocalServer, arguments: dict[str, Any], status: int
) -> None:
    answer = post(demo_server, **arguments)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"]
    assert error["message"]


def test_one_bad_image_leaves_its_neighbours_alone(demo_server: LocalServer) -> None:
    images = [b64("cat.jpg"), "!!", base64.b64encode(b"text").decode(), b64("demo-high.png")]
    answer = post(demo_server, json={"images": images})
    assert answer.status_code == 200
    found = [r.get("level") or r["error"]["code"] for r in answer.json()["results"]]
    assert [found[0], found[3]] == ["neutral", "high"]
    assert found[1] == "image_not_base64"
    assert found[2].startswith("image_")


def test_get_and_options(demo_server: LocalServer) -> None:
    described = requests.get(f"{demo_server.url}/score", timeout=10)
    assert described.status_code == 200
    assert "demo" in described.text
    options = requests.options(f"{demo_server.url}/score", timeout=10)
    assert options.status_code in (200, 204)
    assert "POST" in options.headers["Allow"]


def test_the_openapi_document_holds_for_real_traffic(demo_server: LocalServer) -> None:
    document = requests.get(f"{demo_server.url}/swagger.json?version=3", timeout=10).json()
    operation = document["paths"]["/score"]["post"]

    def validate(value: Any, schema: dict[str, Any]) -> None:
        jsonschema.validate(value, {**schema, "components": document["components"]})

    content = operation["requestBody"]["content"]["application/json"]["schema"]
    answers = operation["responses"]
    bodies = [
        {"images": [b64("cat.jpg"), "!!"], "options": {"return": ["scores", "embedding"]}},
        {"input_data": [b64("cat.jpg")]},
        {"input_data": {"columns": ["image"], "data": [b64("cat.jpg")]}},
        {"instances": [b64("cat.jpg")]},
        {"inputs": b64("cat.jpg")},
        {"image": {"content": b64("cat.jpg")}},
    ]
    for body in bodies:
        validate(body, content)
        answer = post(demo_server, json=body)
        validate(answer.json(), answers["200"]["content"]["application/json"]["schema"])
    refused = post(demo_server, json={"images": 1})
    validate(refused.json(), answers["400"]["content"]["application/json"]["schema"])
    with pytest.raises(jsonschema.ValidationError):
        validate({"images": 1}, content)


def test_eight_threads_get_their_own_answers_while_the_probe_is_answered(
    demo_server: LocalServer,
) -> None:
    names = list(EXPECTED) * 12

    def ask(name: str) -> bool:
        data = (SAMPLES / name).read_bytes()
        answer = post(demo_server, data=data, headers={"Content-Type": "image/*"})
        return levels(answer.json()) == [EXPECTED[name]]

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, name) for name in names]
        probed = 0
        while not all(answer.done() for answer in answers):
            # The platform waits 2 s for a probe.
            assert requests.get(demo_server.url, timeout=2).status_code == 200
            probed += not all(answer.done() for answer in answers)
    assert all(answer.result() for answer in answers)
    assert probed, "while requests were open"


def test_the_log_holds_nothing_of_the_images(demo_server: LocalServer) -> None:
    secret = "secret-file-name.png"
    files = [("file", (secret, (SAMPLES / "cat.jpg").read_bytes())), ("file", (secret, b"bad"))]
    assert post(demo_server, files=files).status_code == 200
    log = demo_server.log()
    assert "Ready" in log or "POST /score" in log
    assert "secret" not in log


def test_a_broken_checkpoint_never_becomes_ready(tmp_path: Path) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    (broken / "config.json").write_bytes((DEMO / "config.json").read_bytes())
    (broken / "model.safetensors").write_bytes((DEMO / "model.safetensors").read_bytes()[:-100])
    with (
        pytest.raises(ServerStartError, match="cannot be read as safetensors"),
        LocalServer(broken),
    ):
        pass


def test_a_batch_job_gets_one_row_for_each_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    score = importlib.import_module("score")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(DEMO))
    score.init()
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    paths = [str(SAMPLES / "demo-high.png"), str(bad), str(SAMPLES / "cat.jpg")]
    rows = [json.loads(line) for line in score.run(paths)]
    assert [r["path"] for r in rows] == paths
    assert [r.get("level") for r in rows] == ["high", None, "neutral"]
    assert rows[1]["error_code"].startswith("image_")
    score.detector.close()


def test_the_settings_default_to_the_demo() -> None:
    assert Settings.model_fields["azureml_model_dir"].default == Path("models/demo")
