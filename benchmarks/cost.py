"""Time of a million images, computed from measured images per second and core.

The tables of docs/batch.md. Only the rates are measured; the rest is the formula there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results

PRECISIONS = ("bf16", "int8", "fp32")
CORES = (2, 4, 8, 16, 64)
# Virtual CPUs, of which two share a core, and the precisions that the CPUs compute in fast.
SIZES = {
    "Standard_F4s_v2": (4, ("fp32", "int8")),
    "Standard_F16s_v2": (16, ("fp32", "int8")),
    "Standard_F72s_v2": (72, ("fp32", "int8")),
    "Standard_D4s_v6": (4, ("bf16",)),
    "Standard_D16s_v6": (16, ("bf16",)),
    "Standard_D64s_v6": (64, ("bf16",)),
}


def hours_per_million(images_per_second_and_core: float, cores: int) -> float:
    """How long a million images take."""
    return 1_000_000 / (3600 * images_per_second_and_core * cores)


def measured_rates(folder: Path = results.FOLDER) -> dict[str, float]:
    """Images per second and core of each precision, from a file to its result."""
    cores = json.loads((folder / "machine.json").read_text())["engines"]["cores"]
    rates = {row["contender"]: row["images_per_s"] for row in results.read(folder / "engines.csv")}
    return {p: float(rates[f"ours {p}"]) / cores for p in PRECISIONS}


def rates_table() -> str:
    """What was measured."""
    header = ("", "images/s per core", "core hours per million")
    rows = [(p, f"{r:.2f}", f"{hours_per_million(r, 1):.0f}") for p, r in measured_rates().items()]
    return _table(header, rows)


def hours_table() -> str:
    """Hours per million images by number of cores."""
    rows = [
        (precision, *(f"{hours_per_million(rate, cores):.1f}" for cores in CORES))
        for precision, rate in measured_rates().items()
    ]
    return _table(("cores", *map(str, CORES)), rows)


def sizes_table() -> str:
    """Hours per million images by size of the machine, on one and on eight of them."""
    rates = measured_rates()
    rows = [
        (
            f"`{size}`",
            str(vcpus),
            str(vcpus // 2),
            precision,
            *(f"{hours_per_million(rates[precision], n * vcpus // 2):.1f}" for n in (1, 8)),
        )
        for size, (vcpus, precisions) in SIZES.items()
        for precision in precisions
    ]
    header = ("size of a node", "vCPUs", "cores", "computes in", "hours, one node", "eight nodes")
    return _table(header, rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
