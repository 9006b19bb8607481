"""The real server with a slow model: more than it can do, and clients who go away."""

from __future__ import annotations

import base64
import io
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from nsfw_detector.telemetry import Statistics
from scripts.local_server import LocalServer
from tests.checkpoints import tiny_config, write_checkpoint

TIMEOUT = 3.0
numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """One core and a fifteenth of the real model's work: about 0.2 s for an image."""
    config = tiny_config(
        model_args={"img_size": 448, "embed_dim": 192, "depth": 12, "num_heads": 3},
        num_features=192,
    )
    config["pretrained_cfg"]["input_size"] = [3, 448, 448]
    model: Path = write_checkpoint(tmp_path_factory.mktemp("models") / "slow", config)
    environment = {
        "PRECISION": "fp32",
        "THREADS": "1",
        "REQUEST_TIMEOUT_MS": str(int(TIMEOUT * 1000)),
        "RESULT_CACHE_SIZE": "1",
    }
    with LocalServer(model, environment) as running:
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

    def ask(_: int) -> tuple[float, requests.Response]:
        started = time.monotonic()
        answer = post(server, image(), image(), image())
        return time.monotonic() - started, answer

    with ThreadPoolExecutor(14) as pool:
        answers = list(pool.map(ask, range(42)))
    accepted = [answer for _, answer in answers if answer.status_code == 200]
    refused = [(seconds, answer) for seconds, answer in answers if answer.status_code == 429]
    assert len(accepted) + len(refused) == len(answers)
    assert accepted
    assert refused
    results = [result for answer in accepted for result in answer.json()["results"]]
    failed = [result["error"]["code"] for result in results if "error" in result]
    assert set(failed) <= {"deadline_exceeded"}
    assert len(failed) <= len(results) / 4, "what is accepted is done, unless the machine falters"
    seconds = sorted(seconds for seconds, _ in refused)
    assert seconds[len(seconds) // 2] < TIMEOUT / 4, "refused at once"
    for _, answer in refused:
        assert 1 <= int(answer.headers["Retry-After"]) <= TIMEOUT
        assert answer.json()["error"]["code"] == "overloaded"
    after = statistics(server)
    assert after["rejected"] - before["rejected"] == len(refused)
    assert after["images"] - before["images"] == len(results)

    # And it works on.
    (result,) = post(server, image()).json()["results"]
    assert "level" in result


def test_what_a_client_who_has_gone_asked_for_is_not_computed(server: LocalServer) -> None:
    before = statistics(server)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, server, image(), image())
        wait_for(lambda: statistics(server)["batches"] > before["batches"])
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                body = image()
                head = f"POST /score HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
                connection.sendall(head.encode() + b"Content-Type: image/png\r\n\r\n" + body)
                time.sleep(0.02)
        assert answer.result().status_code == 200
    wait_for(lambda: statistics(server)["images"] == before["images"] + 2 + 2)
    after = statistics(server)
    assert after["dropped"] - before["dropped"] == 2
    assert after["batches"] - before["batches"] == 2


def test_a_repeat_is_not_computed_again(server: LocalServer) -> None:
    data = image()
    first = post(server, data)
    before = statistics(server)
    assert post(server, data).json() == first.json()
    after = statistics(server)
    assert after["cache_hits"] == before["cache_hits"] + 1
    assert after["batches"] == before["batches"]
