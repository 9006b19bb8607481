"""Servers that tests and people start: ready means ready, and none outlives who started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from scripts.local_server import Server, ServerStartError, free_port
from scripts.paths import ROOT

SERVE = "from http.server import *; HTTPServer(('127.0.0.1', {}), SimpleHTTPRequestHandler)"


def command(port: int, then: str = ".serve_forever()") -> list[str]:
    return [sys.executable, "-c", SERVE.format(port) + then]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_that_somebody_else_answers_for_is_not_ready() -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        with (
            pytest.raises(ServerStartError, match="Another server listens on port"),
            Server([sys.executable, "-c", ""], os.environ, other.server_port),
        ):
            pass
        other.shutdown()


def test_one_that_ends_is_told_with_its_log() -> None:
    with (
        pytest.raises(ServerStartError, match="out of order"),
        Server([sys.executable, "-c", "exit('out of order')"], os.environ, free_port()),
    ):
        pass


def test_one_that_never_answers_is_ended() -> None:
    port = free_port()
    server = Server(command(port, "; import time; time.sleep(99)"), os.environ, port,
                    start_timeout=1)  # fmt: skip
    with pytest.raises(ServerStartError), server:
        pass
    assert server._process.returncode == -signal.SIGTERM


def test_it_ends_with_whoever_started_it() -> None:
    port = free_port()
    code = (
        "import os, sys, time\n"
        "from scripts.local_server import Server\n"
        f"with Server({command(port)!r}, os.environ, {port}) as server:\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(99)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert answers(port)
        parent.kill()
    end = time.monotonic() + 30
    while answers(port):
        assert time.monotonic() < end
        time.sleep(0.02)
