"""Which names belong to the stand-in, and how they lead to it.

Imported by the test process and run by `redirect/sitecustomize.py` in its subprocesses, so it needs
nothing but the standard library.
"""

from __future__ import annotations

import re
import socket
from typing import Any

REGION = "westeurope"
MANAGEMENT = "management.azure.com"
LOGIN = "login.microsoftonline.com"
REGISTRIES = f"{REGION}.api.azureml.ms"
DISCOVERY = "eastus.api.azureml.ms"  # where the SDK asks for every registry
INFERENCE = f"{REGION}.inference.ml.azure.com"
STORAGE = "blob.core.windows.net"

OURS = re.compile(
    r"(management\.azure\.com|login\.microsoftonline\.com|ml\.azure\.com"
    r"|[a-z0-9]+\.api\.azureml\.ms|[a-z0-9-]+\.[a-z0-9]+\.inference\.ml\.azure\.com"
    r"|[a-z0-9]+\.blob\.core\.windows\.net)",
    re.IGNORECASE,
)
LOOPBACK = {"127.0.0.1", "::1", "localhost"}

look_up = socket.getaddrinfo  # the real one


def getaddrinfo(port_of_stand_in: int, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    """Look a name up as `socket.getaddrinfo` does, on this machine only.

    Args:
        port_of_stand_in: Where the stand-in listens on loopback.
        host: A name of Azure with port 443 leads to the stand-in; loopback stays what it is.
        port: The port asked for.
        *args: Passed on.
        **kwargs: Passed on.

    Raises:
        socket.gaierror: Any other host: nothing leaves the machine.
    """
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name.lower() in LOOPBACK:
        return look_up(host, port, *args, **kwargs)
    if OURS.fullmatch(name) and port in (443, "443", "https"):
        return look_up("127.0.0.1", port_of_stand_in, *args, **kwargs)
    raise socket.gaierror(socket.EAI_NONAME, f"Not part of the stand-in for Azure: {name}:{port}")


def redirect(port_of_stand_in: int) -> None:
    """Lead all names of this process to the stand-in, for good."""
    socket.getaddrinfo = lambda *args, **kwargs: getaddrinfo(port_of_stand_in, *args, **kwargs)
