"""A certificate authority of the test run, and the one certificate of the stand-in."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme

from tests.cloud import names


def issue(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make the authority and the certificate.

    Args:
        folder: Where the authority's certificate is written, for clients.

    Returns:
        That file, and the context with which the stand-in serves all names.
    """
    authority = trustme.CA()
    certificate = authority.issue_cert(
        names.MANAGEMENT,
        names.LOGIN,
        "ml.azure.com",
        "*.api.azureml.ms",
        f"*.{names.INFERENCE}",
        f"*.{names.STORAGE}",
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path, context
