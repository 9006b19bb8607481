from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.protocols.fake import BAD, FakeDetector, send

fake = FakeDetector()


def form(*parts: tuple[str, tuple]) -> tuple[bytes, str]:
    """Encode a form with a client that people use."""
    request = requests.Request("POST", "http://localhost", files=list(parts)).prepare()
    assert isinstance(request.body, bytes)
    return request.body, request.headers["Content-Type"]


def upload(*parts: tuple[str, tuple]) -> tuple[int, Any]:
    answer = send(*form(*parts))
    return answer.status, json.loads(answer.body)


def test_many_files_in_order_named_by_their_file_names() -> None:
    tricky = b"\r\n--boundary--\r\n\x00\xff"
    status, answer = upload(
        ("b", ("beach.jpg", b"beach")),
        ("a", (None, b"no file name")),
        ("b", ("été.png", tricky)),
        ("c", ("bad.gif", BAD)),
        ("c", ("empty.gif", b"")),
    )
    assert status == 200
    assert [result["id"] for result in answer["results"]] == [
        "beach.jpg",
        "1",
        "été.png",
        "bad.gif",
        "empty.gif",
    ]
    heights = [fake.detection(data).height for data in (b"beach", b"no file name", tricky)]
    assert [result["height"] for result in answer["results"][:3]] == heights
    codes = [result["error"]["code"] for result in answer["results"][3:]]
    assert codes == ["image_unreadable", "image_empty"]


def test_options_as_a_part() -> None:
    options = (None, json.dumps({"return": ["embedding"]}), "application/json")
    _, answer = upload(("image", ("a.jpg", b"a")), ("options", options))
    (result,) = answer["results"]
    assert "embedding" in result
    assert "scores" not in result


@pytest.mark.parametrize(
    ("options", "place"), [("{", "Not valid JSON"), ('{"returns": 1}', "options.returns: ")]
)
def test_wrong_options(options: str, place: str) -> None:
    status, answer = upload(("image", ("a.jpg", b"a")), ("options", (None, options)))
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert place in answer["error"]["message"]


def test_form_without_images() -> None:
    assert upload(("options", (None, "{}")))[0] == 400


HEAD = b'--x\r\nContent-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (HEAD + b"\r\n\r\nimage\r\n--x--", "multipart/form-data"),
        (HEAD + b"\r\n\r\nimage\r\n--x--", 'multipart/form-data; boundary=""'),
        (HEAD + b"\r\n\r\nimage\r\n--x--", "multipart/form-data; boundary=y"),
        (HEAD + b"\r\n\r\nimage", "multipart/form-data; boundary=x"),
        (HEAD, "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\nimage\r\n--x--", "multipart/form-data; boundary=x"),
        (b"\x00\xff", "multipart/form-data; boundary=\xe9"),
    ],
)
def test_malformed_forms(body: bytes, content_type: str) -> None:
    assert send(body, content_type).status == 400


def test_too_many_parts() -> None:
    body = (HEAD + b"\r\n\r\nimage\r\n") * 10_001 + b"--x--"
    answer = send(body, "multipart/form-data; boundary=x")
    assert answer.status == 413
    assert b"10000 parts" in answer.body
