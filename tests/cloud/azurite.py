"""The real blob store: Microsoft's own emulator, Azurite."""

from __future__ import annotations

import base64
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.local_server import Server, free_port
from scripts.paths import ROOT

ACCOUNT = "nsfwstorage"
KEY = base64.b64encode(b"a key that only this test run knows").decode()


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running emulator.

    Attributes:
        port: Where it listens on loopback, without TLS.
        url: Its address for the account, in path style.
    """

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"


def find() -> str | None:
    """The emulator's program: `AZURITE`, what `make azurite` installed, or on the PATH."""
    installed = ROOT / ".venv-dev" / "node" / "node_modules" / ".bin" / "azurite"
    named = os.environ.get("AZURITE")
    return shutil.which(named or str(installed)) or shutil.which("azurite")


@contextmanager
def run(program: str, folder: Path) -> Iterator[Azurite]:
    """Run the emulator's blob service, with its data in `folder`."""
    port = free_port()
    command = [program + "-blob" if program.endswith("azurite") else program]
    command += ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder)]
    command += ["--silent", "--loose", "--skipApiVersionCheck", "--disableTelemetry"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with _AzuriteServer(command, environment, port):
        yield Azurite(port)


class _AzuriteServer(Server):
    """Ready when it answers at all: without credentials that is a refusal."""

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(self.url, timeout=2)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True
