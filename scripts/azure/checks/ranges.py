"""Ranges of numbers that the service enforces and the SDK's loaders do not."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding

ANY = 2**31 - 1
PROBE = {
    "initial_delay": (1, ANY),
    "period": (1, ANY),
    "timeout": (1, 299),
    "success_threshold": (1, ANY),
    "failure_threshold": (1, ANY),
}
ONLINE = {
    "instance_count": (1, 50),
    "request_settings.request_timeout_ms": (1, 180_000),
    "request_settings.max_concurrent_requests_per_instance": (1, ANY),
    **{f"liveness_probe.{name}": limits for name, limits in PROBE.items()},
    **{f"readiness_probe.{name}": limits for name, limits in PROBE.items()},
    "liveness_probe.success_threshold": (1, 1),
}
KUBERNETES = {
    **ONLINE,
    "instance_count": (1, ANY),
    "request_settings.request_timeout_ms": (1, 300_000),
    "scale_settings.min_instances": (1, ANY),
    "scale_settings.max_instances": (1, ANY),
    "scale_settings.target_utilization_percentage": (1, 100),
}
BATCH = {
    "max_concurrency_per_instance": (1, ANY),
    "mini_batch_size": (1, ANY),
    "error_threshold": (-1, ANY),
    "retry_settings.max_retries": (0, ANY),
    "retry_settings.timeout": (1, 259_200),
}


def check_ranges(document: Document) -> Iterator[Finding]:
    """Compare each number with what the service allows."""
    if document.kind == "batch":
        limits = {f"{document.settings}{name}": limit for name, limit in BATCH.items()}
        limits["resources.instance_count"] = (1, ANY)
    else:
        limits = KUBERNETES if document.kind == "kubernetes" else ONLINE
    for name, (least, most) in limits.items():
        value = document.get(name)
        if isinstance(value, int) and not least <= value <= most:
            allowed = f"at least {least}" if most == ANY else f"{least} to {most}"
            yield document.error(
                f"{name} is {value}",
                "The SDK accepts it, and Azure refuses it only after the upload.",
                f"Allowed: {allowed}.",
            )
