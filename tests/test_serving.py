"""The glue to the inference server, with Flask requests and with real clients over HTTP."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator

import flask
import pytest
from azure.ai.contentsafety import ContentSafetyClient
from azure.ai.contentsafety.models import AnalyzeImageOptions, ImageCategory, ImageData
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from huggingface_hub import InferenceClient
from werkzeug.serving import make_server

from nsfw_detector import serving
from tests.protocols.fake import BAD, FakeDetector, b64

IMAGE = b"an image"
fake = FakeDetector(max_request_bytes=1000)
app = flask.Flask(__name__)


@app.route("/<path:_>", methods=["GET", "POST", "OPTIONS"], provide_automatic_options=False)
def score(_: str) -> flask.Response:
    return serving.respond(fake, flask.request)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def test_flask() -> None:
    client = app.test_client()
    answer = client.post("/score", data=IMAGE, content_type="image/png")
    assert answer.json is not None
    assert answer.json["results"][0]["height"] == fake.detection(IMAGE).height
    assert answer.content_type == "application/json"
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert client.open("/score", method="OPTIONS").headers.getlist("Allow") == [
        "GET, HEAD, OPTIONS, POST"
    ]
    assert client.post("/score", json={"images": [b64(IMAGE)]}).status_code == 200
    assert client.post("/score", data={"image": "x" * 2000}).status_code == 413


def test_form_types_keep_their_body() -> None:
    """Flask leaves nothing of such a body in `request.data`."""
    content_type = "application/x-www-form-urlencoded"
    body = json.dumps({"images": [b64(IMAGE)]})
    answer = app.test_client().post("/score", data=body, content_type=content_type)
    assert answer.status_code == 200


def test_query_that_is_not_utf8() -> None:
    """The inference server decodes the query after each request, in order to log it."""
    with app.test_request_context("/score?%FF", method="GET") as context:
        context.request.query_string = b"\xff"
        serving.respond(fake, context.request)
        assert context.request.query_string.decode() == ""


def test_body_shorter_than_declared(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            b"Content-Length: 100\r\n\r\nhalf"
        )
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(100)


def test_whether_the_client_has_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        has_gone = serving._hangup(ours)
        assert has_gone is not None
        assert not has_gone()
        theirs.sendall(b"another request")
        assert not has_gone()
        ours.recv(100)
        theirs.close()
        assert has_gone()
    assert has_gone()
    assert serving._hangup(None) is None


def test_without_the_inference_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azureml_inference_server_http.api", None)
    assert serving.rawhttp(score) is score


class TestContentSafetyClient:
    @pytest.fixture
    def client(self, url: str) -> ContentSafetyClient:
        return ContentSafetyClient(url, AzureKeyCredential("key"))

    def test_severity(self, client: ContentSafetyClient) -> None:
        options = AnalyzeImageOptions(
            image=ImageData(content=IMAGE),
            categories=[ImageCategory.SEXUAL],
            output_type="FourSeverityLevels",
        )
        (analysis,) = client.analyze_image(options).categories_analysis
        severity = 2 * fake.info.labels.index(fake.detection(IMAGE).level)
        assert (analysis.category, analysis.severity) == ("Sexual", severity)

    @pytest.mark.parametrize(
        "options",
        [
            AnalyzeImageOptions(image=ImageData(content=BAD)),
            AnalyzeImageOptions(image=ImageData(blob_url="https://a.blob.core.windows.net/b")),
            AnalyzeImageOptions(image=ImageData(content=IMAGE), categories=["Violence"]),
        ],
    )
    def test_errors(self, client: ContentSafetyClient, options: AnalyzeImageOptions) -> None:
        with pytest.raises(HttpResponseError) as caught:
            client.analyze_image(options)
        assert caught.value.error is not None
        assert caught.value.error.code == "InvalidRequestBody"


def test_hugging_face_client(url: str) -> None:
    # Without a parameter this client sends the bare image, whose answer is the native one.
    found = InferenceClient(f"{url}/score").image_classification(IMAGE, top_k=2)
    scores = fake.detection(IMAGE).scores
    assert [element.label for element in found] == sorted(
        scores, key=lambda label: scores[label], reverse=True
    )[:2]
