"""Gunicorn configuration for local runs: listen on this machine only.

`azmlinfsrv` always asks gunicorn to listen on all interfaces, which is right in a container and
wrong on a laptop. This hook runs before the sockets are made. Used through
`GUNICORN_CMD_ARGS="--config scripts/gunicorn_loopback.py"`.
"""

from __future__ import annotations

from typing import Any


def on_starting(server: Any) -> None:
    """Replace the host of every address by the loopback interface."""
    server.cfg.set("bind", [f"127.0.0.1:{port}" for _, port in server.cfg.address])
