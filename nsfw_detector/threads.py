"""Who gets how many of the cores: decided here and nowhere else.

Three kinds of threads share them. The engine computes one batch at a time over all cores. Callers
decode their own images, but no more of them at once than there are cores, which also bounds the
memory of decoding. The web server's threads mostly wait, for an image's turn or for the network.
"""

from __future__ import annotations

import os
from pathlib import Path

CGROUP_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")

SERVER_THREADS = 16
"""Threads of the inference server's one process (`GUNICORN_CMD_ARGS="--threads 16"`): those that
wait for their images, and a few more for health probes and for refusing what would be too late."""

CONCURRENT_REQUESTS = SERVER_THREADS - 4
"""A deployment's `max_concurrent_requests_per_instance`. A request holds a thread until it is
answered, so four threads stay for both probes and for requests that are on their way out. What
comes beyond that waits in front of the container; beyond twice that, Azure itself answers 429."""


def usable_cores(cpu_max: Path = CGROUP_CPU_MAX) -> int:
    """Cores that this process may use: its affinity, and the container's CPU limit if lower."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = cpu_max.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or "max": no limit
        return cores


def inference_threads(requested: int) -> int:
    """Threads of the engine on a CPU.

    Args:
        requested: The setting `THREADS`; 0 takes all usable cores.
    """
    return requested or usable_cores()


def concurrent_decodes() -> int:
    """Images that may be decoded at the same time."""
    return usable_cores()
