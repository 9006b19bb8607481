"""What this CPU can do."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

CPUINFO = Path("/proc/cpuinfo")


# From the fastest matrix instructions down.
INSTRUCTION_SETS = ("amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni", "avx512f", "avx2")


def _flags(cpuinfo: Path) -> list[str]:
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return []
    return next((line.split() for line in lines if line.startswith("flags")), [])


def instruction_set(cpuinfo: Path = CPUINFO) -> str:
    """The fastest matrix instructions here, such as ``"avx512_bf16"``; ``"none"`` if unknown."""
    flags = _flags(cpuinfo)
    return next((name for name in INSTRUCTION_SETS if name in flags), "none")


def has_fast_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether bf16 multiplication is faster than fp32 here.

    Decided by the instruction set and never by the machine size's name, because Azure serves one
    size from several CPU generations. AMX is always faster. AVX512_BF16 is on AMD (Zen 4 and later:
    twice the fp32 rate), but on Intel it runs at half the fp32 rate where AMX is masked. Emulated
    bf16 is slower than fp32 by an order of magnitude.
    """
    flags = _flags(cpuinfo)
    if "amx_bf16" in flags:
        return True
    return "avx512_bf16" in flags and "AuthenticAMD" in cpuinfo.read_text()


def fast_float() -> Literal["bf16", "fp32"]:
    """The faster floating-point arithmetic of this CPU."""
    return "bf16" if has_fast_bf16() else "fp32"
