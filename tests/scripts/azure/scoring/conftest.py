from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.azure.scoring import patience
from tests.scripts.azure.moody_server import MoodyServer


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.005)


@pytest.fixture
def server() -> Iterator[MoodyServer]:
    with MoodyServer() as server:
        yield server
