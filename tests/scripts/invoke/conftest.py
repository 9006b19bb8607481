from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import invoke
from scripts.local_server import LocalServer
from tests.scripts.azure.moody_server import MoodyServer
from tests.scripts.invoke.running import Invoke


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Runs the script in this process; gives exit status, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["invoke", *map(str, arguments)])
        status = invoke.main()
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def url(demo_server: LocalServer) -> str:
    return f"{demo_server.url}/score"


@pytest.fixture
def moody() -> Iterator[MoodyServer]:
    with MoodyServer() as server:
        yield server
