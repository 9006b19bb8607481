"""The one listener: TLS on loopback, dispatching by the name that a request was sent to."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.cloud import batch_scoring, blobs, login, names, registries, scoring
from tests.cloud.arm import management
from tests.cloud.arm.paths import absence, canonical
from tests.cloud.errors import ArmError
from tests.cloud.state import State, current


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits for a delayed acknowledgement

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: the requests are recorded."""


class _Request(Request):
    max_form_parts = 10_000


class Front:
    """The listener of all names.

    Args:
        context: With the certificate for them.

    Attributes:
        port: Where it listens.
        state: What the requests work on; replaced for each test.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.state: State
        self._apps = {
            names.MANAGEMENT: _app("management", management.blueprints()),
            names.REGISTRIES.partition(".")[2]: _app("registries", registries.blueprints()),
            names.LOGIN: _app("login", [login.blueprint]),
            names.STORAGE: _app("blobs", [blobs.blueprint]),
            names.INFERENCE: _app("scoring", [batch_scoring.blueprint, scoring.blueprint]),
        }
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Handler)
        # Each connection's own thread shakes hands, not the one that accepts: a client which was
        # stopped while it connected would keep all others waiting.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.ssl_context = context
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["cloud.state"] = self.state
        environ["PATH_INFO"] = canonical(environ["PATH_INFO"])
        host = str(environ.get("HTTP_HOST", "")).partition(":")[0].lower()
        for suffix, app in self._apps.items():
            if host == suffix or host.endswith("." + suffix):
                return app(environ, start_response)
        return Response(f"No such host: {host}", 421)(environ, start_response)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _app(name: str, blueprints: Iterable[Blueprint]) -> Flask:
    app = Flask(name, static_folder=None)
    app.request_class = _Request
    app.before_request(lambda: current().log.receive(request))
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    app.register_error_handler(ArmError, lambda error: error.response())
    app.register_error_handler(HTTPException, _unknown)
    return app


def _unknown(error: HTTPException) -> Response:
    """Say plainly what the stand-in does not have, so that nobody looks for it elsewhere."""
    if refusal := absence(request.path):
        return refusal.response()
    what = f"The stand-in has no {request.method} {request.path} ({error.code} {error.name})."
    return ArmError(error.code or 500, "NotInStandIn", what).response()
