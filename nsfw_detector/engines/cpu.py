"""What this CPU can do: native bf16, and how many cores the process may use."""

from __future__ import annotations

import os
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CGROUP_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def has_fast_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether bf16 multiplication is faster than fp32 here.

    Decided by the instruction set and never by the machine size's name, because Azure serves one
    size from several CPU generations. AMX is always faster. AVX512_BF16 is on AMD (Zen 4 and later:
    twice the fp32 rate), but on Intel it runs at half the fp32 rate where AMX is masked. Emulated
    bf16 is slower than fp32 by an order of magnitude.
    """
    try:
        text = cpuinfo.read_text()
    except OSError:
        return False
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    return "amx_bf16" in flags or ("avx512_bf16" in flags and "AuthenticAMD" in text)


def usable_cores(cpu_max: Path = CGROUP_CPU_MAX) -> int:
    """Cores that this process may use: its affinity, and the container's CPU limit if lower."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = cpu_max.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or "max": no limit
        return cores
