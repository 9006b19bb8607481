"""The inference server's request and response, in terms of `nsfw_detector.http`.

The server (azureml-inference-server-http) is present in online endpoints. A batch job imports the
same score.py, possibly without it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from nsfw_detector.collection import Collect, collect_nothing
from nsfw_detector.errors import RequestError
from nsfw_detector.http import HttpRequest, Scorer, handle

if TYPE_CHECKING:
    from flask import Request, Response

Run = TypeVar("Run", bound=Callable[..., object])


def rawhttp(run: Run) -> Run:
    """Have the server, where there is one, call `run` with the request as it came in."""
    try:
        from azureml_inference_server_http.api import aml_request
    except ModuleNotFoundError:
        return run
    aml_request.rawhttp(run)
    return run


def respond(detector: Scorer, request: Request, collect: Collect = collect_nothing) -> Response:
    """Answer a request of the inference server.

    Args:
        detector: Scores the images.
        request: The Flask request that the server passes to `run`.
        collect: Is told the results of every request that has any.

    Returns:
        A response that the server passes on, marked with whether `run` failed as it always does.
    """
    from azureml_inference_server_http.api.aml_response import AMLResponse

    answer = handle(
        detector,
        HttpRequest(
            method=request.method,
            content_type=request.content_type or "",
            content_length=request.content_length,
            read=lambda limit: _read(request, limit),
            is_abandoned=_hangup(request.environ.get("gunicorn.socket")),
        ),
        collect,
    )
    # The server logs the query, and fails where that is not UTF-8. It means nothing here.
    request.query_string = b""
    response: Response = AMLResponse(answer.body, answer.status)
    # Not passed above, because AMLResponse splits header values at their commas.
    response.headers.update(answer.headers)
    return response


def _read(request: Request, limit: int) -> bytes:
    from werkzeug.exceptions import ClientDisconnected

    chunks: list[bytes] = []
    try:
        # One call may give less than it was asked for.
        while limit and (chunk := request.stream.read(limit)):
            chunks.append(chunk)
            limit -= len(chunk)
    except (ClientDisconnected, OSError):
        raise RequestError("The body ended early.") from None
    return b"".join(chunks)


def _hangup(connection: socket.socket | None) -> Callable[[], bool] | None:
    """Make the test of whether the client at the other end of a connection has gone.

    Its request has been read, so that there is nothing more to read while it waits for the answer;
    the end of the stream can be read once it has closed the connection.
    """
    if connection is None:
        return None

    def has_gone() -> bool:
        try:
            return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    return has_gone
