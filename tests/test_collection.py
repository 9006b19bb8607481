"""Scores handed to the real data collector, a local HTTP server being its sidecar."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from nsfw_detector.collection import collect_nothing, create_collection
from nsfw_detector.errors import ImageFormatError, SettingsError
from nsfw_detector.http import HttpRequest, handle
from nsfw_detector.settings import Settings
from scripts.local_server import LocalServer
from scripts.paths import DEMO, SAMPLES
from tests.protocols.fake import FakeDetector

LABELS = ("neutral", "low", "medium", "high")


class Sidecar:
    """Takes what the collector sends, at once or (while `open` is clear) never."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.open = threading.Event()
        self.open.set()
        sidecar = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sidecar.received.append((dict(self.headers), body))
                sidecar.open.wait()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def wait_for(self, n: int) -> list[list[dict[str, Any]]]:
        end = time.monotonic() + 60
        while len(self.received) < n and time.monotonic() < end:
            time.sleep(0.02)
        return [json.loads(body) for _, body in self.received]


@pytest.fixture
def sidecar() -> Iterator[Sidecar]:
    sidecar = Sidecar()
    thread = threading.Thread(target=sidecar.server.serve_forever)
    thread.start()
    yield sidecar
    sidecar.open.set()
    sidecar.server.shutdown()
    sidecar.server.server_close()
    thread.join()


def _deployed(sidecar: Sidecar, folder: Path, **more: str) -> dict[str, str]:
    """The environment that Azure makes of `data_collector` and COLLECT_SCORES."""
    config = folder / "mdc.json"
    config.write_text(
        json.dumps({"collections": {"model_outputs": {"enabled": True}}, "runMode": "cloud"})
    )
    return {
        "COLLECT_SCORES": "true",
        "AZUREML_MDC_CONFIG_PATH": str(config),
        "AZUREML_MDC_PORT": str(sidecar.port),
        **more,
    }


def _post(url: str, content: bytes, content_type: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{url}/score", data=content, headers={"Content-Type": content_type}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        parsed: dict[str, Any] = json.load(answer)
    return parsed


def _png() -> bytes:
    return (SAMPLES / "demo-high.png").read_bytes()


def test_scores_and_nothing_else_reach_the_collector(sidecar: Sidecar, tmp_path: Path) -> None:
    images = [
        {"id": "customer-4711", "content": base64.b64encode(_png()).decode()},
        {"id": "broken", "content": base64.b64encode(b"no image").decode()},
    ]
    body = json.dumps({"images": images, "options": {"return": ["scores", "embedding"]}}).encode()
    with LocalServer(DEMO, _deployed(sidecar, tmp_path)) as server:
        answer = _post(server.url, body, "application/json")
        ((row,),) = sidecar.wait_for(1)
    scored, failed = answer["results"]
    assert failed["error"]["code"] == "image_format_unsupported"  # has no row
    assert row == {
        "level": scored["level"],
        "decision": scored["decision"],
        **{f"score_{label}": pytest.approx(scored["scores"][label], abs=1e-6) for label in LABELS},
        **{
            f"at_least_{label}": pytest.approx(scored["at_least"][label], abs=1e-6)
            for label in LABELS[1:]
        },
        "width": scored["width"],
        "height": scored["height"],
        "engine": answer["model"]["engine"],
        "model_digest": answer["model"]["digest"],
    }
    headers, sent = sidecar.received[0]
    assert headers["ce-type"] == "azureml.inference.model_outputs"
    assert b"4711" not in sent
    assert "4711" not in str(headers)


@pytest.mark.parametrize("where", ["nobody listens", "nobody answers", "not in the deployment"])
def test_a_collector_in_trouble_costs_no_request(
    sidecar: Sidecar, tmp_path: Path, where: str
) -> None:
    environment = {"COLLECT_SCORES": "true"}
    if where != "not in the deployment":
        environment |= {"AZUREML_MDC_ENABLED": "true", "AZUREML_MDC_QUEUE_CAPACITY": "2"}
        environment["AZUREML_MDC_PORT"] = str(sidecar.port) if where == "nobody answers" else "9"
    sidecar.open.clear()
    with LocalServer(DEMO, environment) as server:
        for _ in range(5):
            answer = _post(server.url, _png(), "image/png")
            assert answer["results"][0]["level"] == "high"
        log = server.log()
    if where == "nobody answers":
        assert len(sidecar.wait_for(1)) == 1
        assert log.count("queue is full") == 1
    if where == "not in the deployment":
        assert log.count("Scores not collected: custom logging is not enabled") == 1


def test_off_unless_asked_for() -> None:
    assert create_collection(Settings()) is collect_nothing


@pytest.mark.parametrize("missing", ["azureml.ai.monitoring", "pandas"])
def test_missing_package(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SettingsError, match=rf"{missing} is missing: install .*COLLECT_SCORES"):
        create_collection(Settings(collect_scores=True))


def test_what_the_collector_raises_stays_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import azureml.ai.monitoring

    class Broken:
        def __init__(self, *, name: str, on_error: Callable[[Exception], None]) -> None:
            pass

        def collect(self, data: object) -> None:
            raise OSError("secret")

    monkeypatch.setattr(azureml.ai.monitoring, "Collector", Broken)
    collect = create_collection(Settings(collect_scores=True))
    fake = FakeDetector()
    with caplog.at_level(logging.WARNING):
        collect(fake.info, [fake.detection(b"an image"), ImageFormatError("no image")])
    assert "OSError" in caplog.text
    assert "secret" not in caplog.text


def test_only_requests_with_results_are_told() -> None:
    told: list[object] = []
    fake = FakeDetector()

    def post(body: bytes, method: str = "POST") -> int:
        request = HttpRequest(method, "image/png", len(body), lambda limit: body)
        return handle(fake, request, lambda model, results: told.append((model, *results))).status

    assert post(b"an image") == 200
    assert told == [(fake.info, fake.detection(b"an image"))]
    assert post(b"") == 400
    assert post(b"", "GET") == 200
    assert len(told) == 1
