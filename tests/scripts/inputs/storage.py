"""A container in the blob emulator, and a network between that can fail."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from azure.storage.blob import ContainerClient

from tests.cloud import azurite


class Network:
    """Stands before the emulator: passes requests on as they are, or fails them.

    Attributes:
        failing: Blobs, by the end of their path, whose requests are answered with 503.
        cut: Blobs whose answers break off half-way.
        requests: Path and range of all requests so far.
    """

    def __init__(self, storage: azurite.Azurite) -> None:
        self.failing: set[str] = set()
        self.cut: set[str] = set()
        self.requests: list[tuple[str, str | None]] = []
        network = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path)
                network.requests.append((path, self.headers.get("x-ms-range")))
                if path.endswith(tuple(network.failing)):
                    self._answer(503, {"x-ms-error-code": "ServerBusy"}, b"")
                    return
                headers = {**dict(self.headers), "Accept-Encoding": "identity"}
                url = f"http://127.0.0.1:{storage.port}{self.path}"
                try:
                    with urllib.request.urlopen(
                        urllib.request.Request(url, headers=headers)
                    ) as answer:
                        body = answer.read()
                        self._answer(answer.status, dict(answer.headers), body, path)
                except urllib.error.HTTPError as error:
                    self._answer(error.code, dict(error.headers), error.read())

            def _answer(
                self, status: int, headers: dict[str, str], body: bytes, path: str = ""
            ) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if path.endswith(tuple(network.cut)):
                    body = body[: len(body) // 2]
                    self.close_connection = True
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/{azurite.ACCOUNT}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def network(storage: azurite.Azurite) -> Iterator[Network]:
    network = Network(storage)
    try:
        yield network
    finally:
        network.close()


def make_container(storage: azurite.Azurite, name: str) -> ContainerClient:
    container = ContainerClient(storage.url, name, azurite.KEY)
    container.create_container()
    return container


def upload(container: ContainerClient, folder: Path, below: str = "") -> list[str]:
    """Upload a folder's files; returns their paths in it."""
    names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    for name in names:
        container.upload_blob(below + name, (folder / name).read_bytes())
    return names
