"""The real server with a slow engine: more than it can do, and clients who go away."""

from __future__ import annotations

import base64
import io
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from nsfw_detector.telemetry import Statistics
from scripts.local_server import LocalServer

TIMEOUT = 3.0
numbers = itertools.count()

SCORE = """
import time
from pathlib import Path

from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from score import init, run

infer = OpenVINOEngine.infer


def infer_slowly(engine, images):
    time.sleep(0.2 * len(images))
    Path({busy!r}).touch()
    while not Path({free!r}).exists():
        time.sleep(0.01)
    return infer(engine, images)


OpenVINOEngine.infer = infer_slowly
"""


@dataclass(frozen=True, slots=True)
class Engine:
    """The server's engine: is `busy` from its first image on, and works while `free` is there."""

    busy: Path
    free: Path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("engine")
    return Engine(folder / "busy", folder / "free")


@pytest.fixture(scope="module")
def server(engine: Engine, tiny: Path) -> Iterator[LocalServer]:
    engine.free.touch()
    script = engine.free.with_name("slow.py")
    script.write_text(SCORE.format(busy=str(engine.busy), free=str(engine.free)))
    environment = {
        "PRECISION": "fp32",
        "REQUEST_TIMEOUT_MS": str(int(TIMEOUT * 1000)),
        "RESULT_CACHE_SIZE": "1",
    }
    with LocalServer(tiny, environment, str(script)) as running:
        yield running


def image() -> bytes:
    """An image that there has not been before."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), next(numbers)).save(file, "PNG")
    return file.getvalue()


def post(server: LocalServer, *images: bytes) -> requests.Response:
    body = {"images": [base64.b64encode(data).decode() for data in images]}
    return requests.post(f"{server.url}/score", json=body, timeout=30)


def statistics(server: LocalServer) -> Statistics:
    answer: Any = requests.get(f"{server.url}/score", timeout=10).json()
    found: Statistics = answer["statistics"]
    return found


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("in vain")


def test_overload(server: LocalServer) -> None:
    before = statistics(server)

    with ThreadPoolExecutor(14) as pool:
        answers = list(pool.map(lambda _: post(server, image(), image(), image()), range(42)))
    accepted = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(accepted) + len(refused) == len(answers)
    assert accepted
    assert refused
    results = [result for answer in accepted for result in answer.json()["results"]]
    failed = [result["error"]["code"] for result in results if "error" in result]
    assert set(failed) <= {"deadline_exceeded"}
    for answer in refused:
        assert 1 <= int(answer.headers["Retry-After"]) <= TIMEOUT
        assert answer.json()["error"]["code"] == "overloaded"
    after = statistics(server)
    assert after["rejected"] - before["rejected"] == len(refused)
    assert after["images"] - before["images"] == len(results)

    # And it works on.
    (result,) = post(server, image()).json()["results"]
    assert "level" in result


def test_what_a_client_who_has_gone_asked_for_is_not_computed(
    server: LocalServer, engine: Engine
) -> None:
    before = statistics(server)
    engine.free.unlink()
    engine.busy.unlink()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, server, image())
        wait_for(engine.busy.exists)
        with ExitStack() as connections:
            for _ in range(2):
                connection = socket.create_connection(("127.0.0.1", server.port))
                connections.enter_context(connection)
                body = image()
                head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
                connection.sendall(head.encode() + b"Content-Type: image/png\r\n\r\n" + body)
            wait_for(lambda: statistics(server)["cache_misses"] == before["cache_misses"] + 3)
        engine.free.touch()
        assert answer.result().status_code == 200
    wait_for(lambda: statistics(server)["images"] == before["images"] + 1 + 2)
    after = statistics(server)
    assert after["dropped"] - before["dropped"] == 2
    assert after["batches"] - before["batches"] == 1


def test_a_repeat_is_not_computed_again(server: LocalServer) -> None:
    data = image()
    first = post(server, data)
    before = statistics(server)
    assert post(server, data).json() == first.json()
    after = statistics(server)
    assert after["cache_hits"] == before["cache_hits"] + 1
    assert after["batches"] == before["batches"]
