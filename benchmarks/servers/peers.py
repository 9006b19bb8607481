"""How each server is started and spoken to."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nsfw_detector.engines.cpu import fast_float
from scripts.local_server import LocalServer, Server, free_port
from scripts.paths import ROOT

OURS = "ours (azmlinfsrv)"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server.

    Attributes:
        start: Makes it for a checkpoint, to be entered.
        path: Where it scores.
        body: A base64 image to the request's JSON.
        needs: Modules that must be installed.
    """

    start: Callable[[Path], Server]
    path: str
    body: Callable[[str], Any]
    needs: tuple[str, ...] = ()

    def bodies(self, images: list[str]) -> list[str]:
        """The requests for base64 images."""
        return [json.dumps(self.body(image)) for image in images]

    def why_not(self) -> str:
        """Why it is not measured here; empty if it is."""
        missing = [name for name in self.needs if find_spec(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else ""


def _ours(checkpoint: Path) -> Server:
    return LocalServer(checkpoint, {"PRECISION": fast_float()})


def _usual(checkpoint: Path) -> Server:
    # On loopback, and else as it comes.
    config = f"--config {ROOT / 'scripts' / 'gunicorn_loopback.py'}"
    return LocalServer(
        checkpoint, {"GUNICORN_CMD_ARGS": config}, "benchmarks/servers/usual_score.py"
    )


def _litserve(checkpoint: Path) -> Server:
    port = free_port()
    arguments = ["-m", "benchmarks.servers.litserve_app", str(checkpoint.resolve()), str(port)]
    return Server([sys.executable, *arguments], os.environ, port, "/health")


PEERS = {
    OURS: Peer(_ours, "/score", lambda image: {"images": [image]}),
    "usual score.py (azmlinfsrv)": Peer(
        _usual, "/score", lambda image: {"image": image}, ("torch", "transformers", "timm")
    ),
    "timm in LitServe": Peer(
        _litserve, "/predict", lambda image: {"image": image}, ("torch", "timm", "litserve")
    ),
}
