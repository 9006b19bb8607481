"""The clusters that run the jobs of batch endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.azure.checks.document import Document
from scripts.azure.checks.hardware import check_end
from scripts.azure.findings import Finding


def check_cluster_size(document: Document) -> Iterator[Finding]:
    """Look at the size of the nodes, and at how many there are."""
    size = document.get("size")
    if isinstance(size, str):
        yield from check_end(document, size)
    else:
        yield document.error(
            f"size is {size!r}",
            "The SDK accepts it, and Azure has nothing to make nodes of.",
            "size: Standard_D4ds_v4, or another of az ml compute list-sizes --output table.",
        )
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
