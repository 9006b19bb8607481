"""Shared fixtures. Every checkpoint and server here is real; nothing of the package is replaced."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import hypothesis
import pytest

from nsfw_detector import Detector, Settings
from scripts.local_server import LocalServer
from scripts.paths import DEMO, SAMPLES
from tests.checkpoints import FREEPIK_CONFIG, tiny_config, write_checkpoint
from tests.cloud.fixtures import blob_storage, cloud, cloud_machinery

__all__ = ["blob_storage", "cloud", "cloud_machinery"]

# The same examples each time, so that what fails was changed; and no limits of time.
hypothesis.settings.register_profile("tests", derandomize=True, deadline=None)
hypothesis.settings.load_profile("tests")


def end(number: int, frame: FrameType | None) -> None:
    """Who ends the tests (CI at its limit) lets them end what they have started, as with Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends it twice
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, end)


def ignore(number: int, frame: FrameType | None) -> None:
    """What is ignored where tests run in the background (`&`, nohup) goes on being ignored here.

    But with a handler: processes that tests start inherit SIG_IGN, and could not be interrupted.
    """


for each in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(each) is signal.SIG_IGN:
        signal.signal(each, ignore)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a few thousand random weights."""
    return write_checkpoint(tmp_path_factory.mktemp("models") / "tiny", tiny_config())


@pytest.fixture(scope="session")
def full_size(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the published model's exact format and size, with random weights."""
    return write_checkpoint(tmp_path_factory.mktemp("models") / "full", FREEPIK_CONFIG)


@pytest.fixture(scope="session")
def demo_detector() -> Iterator[Detector]:
    detector = Detector.load(DEMO, Settings(precision="fp32", scaled_decoding=False))
    yield detector
    detector.close()


@pytest.fixture(scope="session")
def demo_server() -> Iterator[LocalServer]:
    """The real inference server with score.py and the demo checkpoint."""
    with LocalServer(DEMO, {"PRECISION": "fp32"}) as server:
        yield server


@pytest.fixture(scope="session")
def photos() -> list[Path]:
    """The sample photographs and drawings."""
    found = sorted(p for p in SAMPLES.iterdir() if p.suffix in {".jpg", ".png", ".webp"})
    assert found
    return found
