"""What only endpoints have: authentication, identity and traffic."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding

AUTHENTICATION = {
    "managed": ("key", "aml_token", "aad_token"),
    "kubernetes": ("key", "aml_token"),
    "batch": ("aad_token",),
}
MOST_MIRRORED = 50


def check_authentication(document: Document) -> Iterator[Finding]:
    """Look at who may call the endpoint, and how."""
    mode, allowed = document.get("auth_mode"), AUTHENTICATION[document.kind]
    if mode is not None and str(mode).lower() not in allowed:
        yield document.error(
            f"auth_mode is {mode}",
            f"The SDK accepts it; an endpoint of this kind takes {' or '.join(allowed)}.",
            f"auth_mode: {allowed[0]}.",
        )
    if document.get("public_network_access") not in (None, "enabled", "disabled"):
        yield document.error(
            f"public_network_access is {document.get('public_network_access')}",
            "It is either enabled or disabled.",
            "Quote it if YAML took it for something else.",
        )


def check_traffic(document: Document) -> Iterator[Finding]:
    """Look at how requests are shared out."""
    traffic, mirror = document.get("traffic") or {}, document.get("mirror_traffic") or {}
    if traffic:
        total = sum(share for share in traffic.values() if isinstance(share, int))
        if total not in (0, 100):
            yield document.error(
                f"traffic adds up to {total} %", "Azure takes 0 or 100.", "Make it 100."
            )
        yield document.warning(
            "traffic stands in the file",
            "An endpoint that is new has no deployments to give it to, and Azure refuses.",
            "Leave it out: scripts.deploy and scripts.rollout set it.",
        )
    if mirror and document.kind == "kubernetes":
        yield document.error(
            "mirror_traffic stands in the file of a Kubernetes endpoint",
            "Only managed endpoints mirror.",
            "Leave it out.",
        )
    elif len(mirror) > 1 or any(not 0 <= share <= MOST_MIRRORED for share in mirror.values()):
        yield document.error(
            f"mirror_traffic is {mirror}",
            "The SDK accepts it; Azure takes one deployment.",
            f"One deployment and at most {MOST_MIRRORED} %.",
        )
