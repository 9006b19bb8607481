"""Names of endpoints and deployments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding

NAME = re.compile(r"[a-zA-Z](-?[a-zA-Z0-9])*")
KUBERNETES_TOTAL = 62


def check_names(document: Document) -> Iterator[Finding]:
    """Hold the names against Azure's rules."""
    names = {field: str(document.get(field, "")) for field in ("name", "endpoint_name")}
    for field, name in names.items():
        if field in document.content and not (3 <= len(name) <= 32 and NAME.fullmatch(name)):
            yield document.error(
                f"{field} {name!r} is no name that Azure accepts",
                "The SDK does not look at the names of deployments before they are sent.",
                "3 to 32 letters, digits and single dashes, a letter first, no dash last.",
            )
    if document.kind == "kubernetes" and sum(map(len, names.values())) > KUBERNETES_TOTAL:
        yield document.error(
            "the names of endpoint and deployment are too long together",
            f"On Kubernetes they may have {KUBERNETES_TOTAL} characters in total.",
            "Shorten one of them.",
        )
