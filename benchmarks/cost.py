"""Time and cost of a million images, computed from measured images per second and core.

The tables of docs/batch.md. Only the rates are measured; the rest is the formula there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results

PRECISIONS = ("bf16", "int8", "fp32")
CORES = (2, 4, 8, 16, 64)
EXAMPLE = ("Standard_D16ds_v4", "int8", 1.00)
"""Size, precision and a made-up price of a node per hour, for the worked example."""
# Virtual CPUs, of which two share a core, and the precisions that the CPUs compute in fast.
SIZES = {
    "Standard_D4ds_v4": (4, ("fp32", "int8")),
    "Standard_D16ds_v4": (16, ("fp32", "int8")),
    "Standard_D64ds_v4": (64, ("fp32", "int8")),
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
    """Hours per million images by size of the machine, on one and on eight of them, and its cost.

    Node hours are the same on any number of nodes, so the cost is, too.
    """
    rates = measured_rates()
    rows = [
        (
            f"`{size}`",
            str(vcpus),
            str(vcpus // 2),
            precision,
            *(f"{hours_per_million(rates[precision], n * vcpus // 2):.1f}" for n in (1, 8)),
            f"{hours_per_million(rates[precision], vcpus // 2):.1f} x p",
        )
        for size, (vcpus, precisions) in SIZES.items()
        for precision in precisions
    ]
    header = (
        "size of a node",
        "vCPUs",
        "cores",
        "computes in",
        "hours, one node",
        "eight nodes",
        "node hours x price p = cost",
    )
    return _table(header, rows)


def example() -> str:
    """The formula worked out for one size at a made-up price."""
    size, precision, price = EXAMPLE
    cores, rate = SIZES[size][0] // 2, measured_rates()[precision]
    hours = hours_per_million(rate, cores)
    return (
        f"    1,000,000 / (3600 x {rate:.2f} images/s per core x {cores} cores) = "
        f"{hours:.1f} node hours of {size} in {precision}\n"
        f"    {hours:.1f} node hours x {price:.2f} an hour (an EXAMPLE, no price of Azure's) = "
        f"{hours * price:.1f} per million images"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
