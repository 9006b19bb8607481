from __future__ import annotations

import copy
import json
import logging
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsfw_detector.errors import DeadlineExceededError, InferenceError, OverloadedError
from nsfw_detector.http import HttpRequest, handle
from nsfw_detector.protocols import FORMATS
from nsfw_detector.protocols.base import WireFormat
from tests.protocols.fake import BAD, SECRET, FakeDetector, b64, post, send

IMAGE = b"an image"
JSON = json.dumps({"images": [b64(IMAGE)]}).encode()
URL_ENCODED = "application/x-www-form-urlencoded"

fake = FakeDetector()


def error_code(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/plain",
        "application/vnd.api+json",
        URL_ENCODED,
        "",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json(content_type: str, encoding: str) -> None:
    answer = send(JSON.decode().encode(encoding), content_type)
    assert answer.status == 200
    assert answer.headers == {"Content-Type": "application/json"}
    assert json.loads(answer.body)["results"][0]["height"] == fake.detection(IMAGE).height


@pytest.mark.parametrize("content_type", ["image/jpeg", "IMAGE/x", "application/octet-stream"])
def test_raw_image(content_type: str) -> None:
    answer = send(IMAGE, content_type)
    assert answer.status == 200
    (result,) = json.loads(answer.body)["results"]
    assert (result["id"], result["height"]) == ("0", fake.detection(IMAGE).height)


def test_raw_image_that_fails_is_the_failure_of_the_request() -> None:
    answer = send(BAD, "image/png")
    assert (answer.status, error_code(answer.body)) == (422, "image_unreadable")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "bad_request"),
        (b"", "image/jpeg", 400, "bad_request"),
        (b"{", "application/json", 400, "bad_request"),
        (b'{"images": ["\xff"]}', "application/json", 400, "bad_request"),
        (b'{"input_data": ["QUJD"], "ignored": NaN}', "application/json", 400, "bad_request"),
        (b'{"input_data": ["QUJD"], "ignored": -Infinity}', "application/json", 400, "bad_request"),
        (b'{"images": [' + b"9" * 5000 + b"]}", "application/json", 400, "bad_request"),
        (b"[" * 100_000, "application/json", 400, "bad_request"),
        (b'{"a":' * 100_000, "application/json", 400, "bad_request"),
        (b"[" + b"0," * 200_000 + b"0]", "application/json", 413, "request_too_large"),
        (IMAGE, URL_ENCODED, 415, "media_type_unsupported"),
        (b"image=%5B%5D", URL_ENCODED, 415, "media_type_unsupported"),
        (b"<images/>", "application/xml", 415, "media_type_unsupported"),
        (IMAGE, "video/mp4", 415, "media_type_unsupported"),
    ],
)
def test_refused_bodies(body: bytes, content_type: str, status: int, code: str) -> None:
    answer = send(body, content_type)
    assert (answer.status, error_code(answer.body)) == (status, code)


def test_json_in_a_form_type_keeps_its_own_error() -> None:
    answer = send(b'{"images": [5]}', URL_ENCODED)
    assert answer.status == 400
    assert b"images.0" in answer.body


@pytest.mark.parametrize("size", [10, 11])
@pytest.mark.parametrize("declared", [True, False])
def test_body_limit(size: int, declared: bool) -> None:
    detector = FakeDetector(max_request_bytes=10)
    length = size if declared else None
    answer = send(b"x" * size, "image/png", detector, content_length=length)
    assert answer.status == (200 if size == 10 else 413)


def test_a_body_shorter_than_declared_is_not_scored() -> None:
    assert send(IMAGE, "image/png", content_length=len(IMAGE) + 1).status == 400


def test_an_oversized_body_is_not_read() -> None:
    asked: list[int] = []

    def read(limit: int) -> bytes:
        asked.append(limit)
        return b"x" * limit

    detector = FakeDetector(max_request_bytes=10)
    assert handle(detector, HttpRequest("POST", "image/png", 11, read)).status == 413
    assert asked == []
    assert handle(detector, HttpRequest("POST", "image/png", None, read)).status == 413
    assert asked == [11]


@pytest.mark.parametrize(
    "key", ["images", "input_data", "instances", "inputs", "dataframe_records"]
)
def test_image_limit(key: str) -> None:
    detector = FakeDetector(max_images_per_request=2)
    assert [post({key: [b64(IMAGE)] * n}, detector)[0] for n in (2, 3)] == [200, 413]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_get_describes_the_endpoint(method: str) -> None:
    answer = send(b"", method=method)
    assert answer.status == 200
    description = json.loads(answer.body)
    assert description["model"]["name"] == "fake"
    assert description["labels"] == list(fake.info.labels)
    assert description["statistics"]["images"] == 0
    assert description["json_keys"] == list(dict.fromkeys(key for key, _, _ in FORMATS))


def test_other_methods() -> None:
    options = send(b"", method="OPTIONS")
    assert (options.status, options.body) == (204, b"")
    delete = send(b"", method="DELETE")
    assert (delete.status, error_code(delete.body)) == (405, "method_not_allowed")
    assert options.headers["Allow"] == delete.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_content_safety_repeats_its_code_in_the_header() -> None:
    answer = send(b'{"image": {}}')
    assert answer.headers["x-ms-error-code"] == error_code(answer.body) == "InvalidRequestBody"


@pytest.mark.parametrize("timeout", [0, 2000])
def test_a_request_has_the_time_of_the_setting(timeout: int) -> None:
    detector = FakeDetector(request_timeout_ms=timeout)
    started = time.monotonic()
    assert send(JSON, detector=detector).status == 200
    if timeout:
        assert detector.deadline is not None
        assert started + 2 <= detector.deadline <= time.monotonic() + 2
    else:
        assert detector.deadline is None


@pytest.mark.parametrize("wire_format", [wire_format for *_, wire_format in FORMATS])
def test_an_overload_is_said_with_when_to_come_again(wire_format: type[WireFormat]) -> None:
    detector = FakeDetector()
    detector.failure = OverloadedError("Too much.", retry_after=2.1)
    answer = send(json.dumps(wire_format.example).encode(), detector=detector)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


def test_an_overload_in_the_words_of_other_services() -> None:
    detector = FakeDetector()
    for failure, safety, mlflow in [
        (OverloadedError("Too much.", 1), "TooManyRequests", "REQUEST_LIMIT_EXCEEDED"),
        (DeadlineExceededError(), "ServerBusy", "DEADLINE_EXCEEDED"),
    ]:
        detector.failure = failure
        status, answer = post({"image": {"content": b64(IMAGE)}}, detector)
        assert (status, answer["error"]["code"]) == (failure.status, safety)
        assert answer["error"]["innererror"]["code"] == failure.code
        status, answer = post({"instances": [b64(IMAGE)]}, detector)
        assert (status, answer["error_code"]) == (failure.status, mlflow)


def test_an_unforeseen_failure_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    detector = FakeDetector()
    detector.failure = RuntimeError(SECRET)
    with caplog.at_level(logging.DEBUG):
        answer = send(JSON, detector=detector)
    assert (answer.status, error_code(answer.body)) == (500, "inference_failed")
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text + answer.body.decode()


def test_an_error_of_the_detector_keeps_its_status() -> None:
    detector = FakeDetector()
    detector.failure = InferenceError("Not finite.")
    status, answer = post({"image": {"content": b64(IMAGE)}}, detector)
    assert (status, answer["error"]["code"]) == (500, "InternalError")


def test_numbers_that_are_not_finite_are_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    detection = replace(fake.detection(IMAGE), scores=dict.fromkeys(fake.info.labels, float("nan")))
    monkeypatch.setattr(FakeDetector, "detect", lambda *_, **__: [detection])
    answer = send(JSON)
    assert (answer.status, error_code(answer.body)) == (500, "inference_failed")


def test_ids_of_any_text_come_back() -> None:
    ids = ["", "\x00", "été", "🙂", '"}', "x" * 10_000]
    _, answer = post({"images": [{"id": i, "content": b64(IMAGE)} for i in ids]})
    assert [result["id"] for result in answer["results"]] == ids


# --- Whatever is sent, an answer comes ------------------------------------------------------------

KEYS = sorted(
    {key for key, _, _ in FORMATS}
    | {"options", "content", "id", "policy", "block", "return", "columns", "data", "categories"}
    | {"parameters", "top_k", "blobUrl", "outputType"}
)
texts = st.one_of(
    st.sampled_from([b64(IMAGE), b64(BAD), "data:,", "data:image/png;base64,", "image", "scores"]),
    st.text(st.characters(), max_size=8),  # lone surrogates included
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner)
    ),
    max_leaves=12,
)


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """The example of a format, with one of its values replaced."""
    example = copy.deepcopy(
        draw(st.sampled_from([wire_format.example for *_, wire_format in FORMATS]))
    )
    node: Any = example
    while True:
        key = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or draw(st.booleans()):
            node[key] = draw(texts | json_values)
            return example
        node = node[key]


requests = spoilt() | st.dictionaries(st.sampled_from(KEYS), json_values, min_size=1, max_size=3)
content_types = st.one_of(
    st.sampled_from(
        ["", "application/json", "image/png", URL_ENCODED, "multipart/form-data; boundary=x"]
    ),
    st.text(max_size=30),
)
bodies = st.one_of(
    st.binary(max_size=60),
    requests.map(lambda value: json.dumps(value).encode()),
    st.lists(
        st.sampled_from(
            [b"--x", b"--", b"\r\n", b"\r\n\r\n", IMAGE, b"\xff"]
            + [b'Content-Disposition: form-data; name="%s"' % name for name in (b"a", b"options")]
            + [b"; filename*=UTF-8''%ff", b'; filename="\xff"', b"{}"]
        )
    ).map(b"".join),
)


def refuse_constant(constant: str) -> None:
    raise AssertionError(f"{constant} in an answer")


def check(answer: Any) -> None:
    assert answer.status in {200, 400, 413, 415, 422}
    json.loads(answer.body.decode("ascii"), parse_constant=refuse_constant)


@settings(max_examples=300)
@given(requests)
def test_any_json_is_answered(value: dict) -> None:
    check(send(json.dumps(value).encode()))


@settings(max_examples=300)
@given(bodies, content_types)
def test_any_body_is_answered(body: bytes, content_type: str) -> None:
    check(send(body, content_type))
