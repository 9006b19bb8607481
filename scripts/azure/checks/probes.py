"""Probes: whether the server has the time that it needs to start."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.azure.checks.document import Document
from scripts.azure.checks.hardware import uses_gpu
from scripts.azure.findings import Finding

CPU_START_SECONDS = 5.1
"""Measured on two cores with fp32, the slowest (benchmarks/results/engines.csv)."""
GPU_START_SECONDS = 60.0
"""Not measured yet: an assumption that leaves room for torch and the recording of CUDA graphs."""
TIGHT, COMFORTABLE = 3, 10
"""Times the measured start: cold disks and busy hosts are several times slower."""
# What Azure uses for fields that are not given.
DEFAULTS = {"initial_delay": 10, "period": 10, "timeout": 2, "failure_threshold": 30}


def check_probes(document: Document) -> Iterator[Finding]:
    """Compare the time until a probe gives up with the measured start."""
    if document.kind == "batch":
        return
    start = GPU_START_SECONDS if uses_gpu(document) else CPU_START_SECONDS
    for probe in ("liveness_probe", "readiness_probe"):
        values = {name: document.number(f"{probe}.{name}", d) for name, d in DEFAULTS.items()}
        allowed = values["initial_delay"] + values["period"] * values["failure_threshold"]
        if allowed < TIGHT * start:
            yield document.error(
                f"{probe} gives up {allowed} s after the container started",
                f"The server needs {start:g} s on a fast machine, so it would be "
                + ("killed" if probe == "liveness_probe" else "found not ready")
                + " again and again while it starts.",
                f"initial_delay + period x failure_threshold: {COMFORTABLE * start:.0f} s or more.",
            )
        elif allowed < COMFORTABLE * start:
            yield document.warning(
                f"{probe} gives up {allowed} s after the container started",
                f"The server needs {start:g} s on a fast machine; a cold disk takes longer.",
                f"initial_delay + period x failure_threshold: {COMFORTABLE * start:.0f} s or more.",
            )
        if values["initial_delay"] > COMFORTABLE * start:
            yield document.warning(
                f"{probe}.initial_delay is {values['initial_delay']} s",
                f"The server is ready after {start:g} s and would stand idle until then, after "
                "each restart and each scaling out.",
                "Make it shorter, and failure_threshold larger.",
            )
        if values["timeout"] < DEFAULTS["timeout"]:
            yield document.warning(
                f"{probe}.timeout is {values['timeout']} s",
                "One short stall of the host counts as a failure.",
                "2 s, Azure's default, are enough: probes never wait for scoring.",
            )
