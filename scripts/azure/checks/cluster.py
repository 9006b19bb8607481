"""The clusters that run the jobs of batch endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.azure.checks.document import Document
from scripts.azure.checks.hardware import check_end
from scripts.azure.findings import Finding


def check_cluster_size(document: Document) -> Iterator[Finding]:
    """Look at the size of the nodes, and at how many there are."""
    yield from check_end(document, str(document.get("size", "")))
    least, most = document.number("min_instances", 0), document.number("max_instances", 1)
    if most < max(1, least):
        yield document.error(
            f"max_instances is {most}, min_instances {least}",
            "Azure refuses it.",
            "max_instances: 1 or more, and not less than min_instances.",
        )
    if least > 0:
        yield document.warning(
            f"min_instances is {least}", "They cost money while nothing runs.", "min_instances: 0."
        )
