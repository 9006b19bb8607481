"""Start the real inference server (`azmlinfsrv`) with score.py on this machine, and stop it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from nsfw_detector.threads import SERVER_THREADS
from scripts.paths import ROOT

START_TIMEOUT = 180.0
LOG_TAIL_LINES = 30
PORTS = range(20_000, 32_000)
KILL_WITH_PARENT = "read _; kill -s KILL -- -$0"
"""For sh: kills a session when the process that holds the other end of its input is gone."""


class ServerStartError(Exception):
    """The server ended, or was not ready in time; the message holds the end of its log."""


def server_command(port: int, entry_script: str = "score.py") -> list[str]:
    """The command line of the inference server of the running Python environment."""
    return [
        sys.executable,
        "-m",
        "azureml_inference_server_http",
        "--entry_script",
        entry_script,
        "--port",
        str(port),
    ]


def server_environment(model: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables under which the server serves `model`, on loopback only.

    One process with many threads: they share one copy of the model, and the health probe is
    answered while images are being scored.
    """
    config = ROOT / "scripts" / "gunicorn_loopback.py"
    return {
        **os.environ,
        "AZUREML_MODEL_DIR": str(model.resolve()),
        "GUNICORN_CMD_ARGS": f"--config {config} --threads {SERVER_THREADS}",
        **(extra or {}),
    }


def free_port() -> int:
    """A TCP port that nothing listens on.

    It is none of those that the system gives to outgoing connections, one of which would else take
    it before the server does.
    """
    while True:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """A context in which a server runs, on loopback, and is ready. It ends with this process.

    Args:
        command: Its command line, which makes it listen on `port`.
        environment: Its environment variables.
        port: Where it listens.
        health: Path that answers 200 once it is ready.
        directory: Where it runs.
        start_timeout: Seconds that it may take to become ready.

    Attributes:
        url: ``http://127.0.0.1:<port>``.
        health_url: Answers 200 once it is ready.
        start_seconds: Time from the start of the process until it was ready.

    Raises:
        ServerStartError: When entering, if the server does not become ready.
    """

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str],
        port: int,
        health: str = "/",
        directory: Path = ROOT,
        start_timeout: float = START_TIMEOUT,
    ) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.health_url = self.url + health
        self.start_seconds = 0.0
        self._command = command
        self._environment = environment
        self._directory = directory
        self._start_timeout = start_timeout
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115

    def __enter__(self) -> Self:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:  # it would seem to be ready
                raise ServerStartError(f"Another server listens on port {self.port}.")
        started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._directory,
            env=self._environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._guard = subprocess.Popen(
            ["sh", "-c", KILL_WITH_PARENT, str(self._process.pid)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._wait(started + self._start_timeout)
        except BaseException:
            self._stop()
            raise
        self.start_seconds = time.monotonic() - started
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()
        self._log.close()

    def log(self, lines: int = LOG_TAIL_LINES) -> str:
        """The last lines of what the server has written."""
        # The server writes to the same open file: read without moving its position.
        size = os.fstat(self._log.fileno()).st_size
        written = os.pread(self._log.fileno(), size, 0).decode(errors="replace")
        return "".join(written.splitlines(keepends=True)[-lines:])

    def _wait(self, end: float) -> None:
        is_ready = False
        while not is_ready:
            is_ready = self._is_ready()
            if self._process.poll() is not None or time.monotonic() > end:
                raise ServerStartError(f"The server did not start. Its log ends:\n{self.log()}")
            if not is_ready:
                time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.health_url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=35)  # gunicorn lets requests finish for up to 30 s
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError):  # not every server ends its own children
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._guard:
            self._guard.kill()


class LocalServer(Server):
    """A `Server` that is the inference server, serving `model` with score.py."""

    def __init__(
        self,
        model: Path,
        extra: Mapping[str, str] | None = None,
        entry_script: str = "score.py",
    ) -> None:
        port = free_port()
        super().__init__(server_command(port, entry_script), server_environment(model, extra), port)
