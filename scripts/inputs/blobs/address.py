"""Addresses of blobs, in the forms that people have them."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from scripts.errors import OperatorError

EMULATOR_HOST = re.compile(r"localhost|[\d.]+|\[.*\]")  # with the account as the first folder


def parse(url: str) -> tuple[str, str, str, str]:
    """Take an address apart: the account's own address, container, folder with slash, SAS."""
    parts = urlsplit(url)
    host, path = parts.netloc, unquote(parts.path).strip("/")
    if parts.scheme in ("abfs", "abfss"):
        container, _, host = host.rpartition("@")
        account = f"https://{host}"
    elif parts.scheme in ("http", "https"):
        account = f"{parts.scheme}://{host}"
        if EMULATOR_HOST.fullmatch(parts.hostname or ""):
            name, _, path = path.partition("/")
            account += f"/{name}"
        container, _, path = path.partition("/")
    else:
        container = ""
    if not container or not host:
        raise OperatorError(
            f"{url.split('?')[0]} is no address of blobs.",
            "Give https://<account>.blob.core.windows.net/<container>/<folder>, or "
            "abfss://<container>@<account>.dfs.core.windows.net/<folder>.",
        )
    # Accounts with a hierarchical namespace have both hosts.
    return account.replace(".dfs.", ".blob.", 1), container, path and f"{path}/", parts.query
