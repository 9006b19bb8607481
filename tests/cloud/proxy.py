"""Pass a request on to a server on this machine, as it came."""

from __future__ import annotations

import http.client
from collections.abc import Mapping

from flask import Request, Response

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "content-length"}


def forward(
    request: Request, port: int, timeout: float = 60.0, extra: Mapping[str, str] | None = None
) -> Response:
    """Send `request` to 127.0.0.1:`port` and give back the answer.

    Method, path (as it was written), headers with `Host`, and body stay the same.

    Args:
        request: What came in.
        port: Where to.
        timeout: Seconds to wait for the answer.
        extra: More headers to send.

    Raises:
        TimeoutError: No answer in time.
        OSError: The server cannot be reached.
    """
    target = request.environ["RAW_URI"]
    headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
    return send(
        port, request.method, target, {**headers, **(extra or {})}, request.get_data(), timeout
    )


def send(
    port: int, method: str, target: str, headers: Mapping[str, str], body: bytes, timeout: float
) -> Response:
    """Send one request to 127.0.0.1:`port`; see `forward`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if not any(name.lower() == "host" for name in headers):
            connection.putheader("Host", f"127.0.0.1:{port}")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP]
    response = Response(content, answer.status, kept)
    if method == "HEAD":  # its length is that of the body that a GET would have
        response.headers["Content-Length"] = answer.getheader("Content-Length", "0")
    return response
