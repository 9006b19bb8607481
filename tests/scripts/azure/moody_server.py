"""A small HTTP server on loopback that answers as it is told, also wrongly or not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

MODEL = {"name": "m", "version": "1", "digest": "sha256:0", "engine": "none"}
RESULT = {
    "id": "0",
    "level": "neutral",
    "decision": "allow",
    "width": 2,
    "height": 2,
    "scores": {"neutral": 0.9, "low": 0.1},
    "at_least": {"low": 0.1},
}


@dataclass(frozen=True)
class Answer:
    """One answer: after `seconds`; status 0 drops the connection instead."""

    status: int = 200
    body: Any = field(default_factory=lambda: {"model": MODEL, "results": [RESULT]})
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def image_error(code: str) -> Answer:
    """The answer for an image that has an error in its place."""
    error = {"code": code, "message": f"It is {code}."}
    return Answer(body={"model": MODEL, "results": [{"id": "0", "error": error}]})


def model_error(status: int, body: Any = None, **headers: str) -> Answer:
    """What Azure makes of another status than 200 of the container."""
    return Answer(424, body or {}, {"ms-azureml-model-error-statuscode": str(status), **headers})


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: Message
    body: bytes


class MoodyServer:
    """Gives `answers` in turn, and good ones after those. A context."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.times: list[float] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        moody = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                with moody._lock:
                    moody.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with moody._lock:
                    moody.asked.append(Asked(self.path, self.headers, body))
                    moody.times.append(time.monotonic())
                    answer = moody.answers.pop(0) if moody.answers else Answer()
                moody._closing.wait(answer.seconds)
                if answer.status == 0:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                sent = answer.body
                data = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that gave up

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/score"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
