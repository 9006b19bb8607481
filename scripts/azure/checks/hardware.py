"""Machine sizes that managed online endpoints offer, and whether the engine suits them.

vCPUs and families are those of Microsoft's list of sizes for managed online endpoints, without the
GPUs that are retired; what their CPUs can do is from the descriptions of the sizes. One size is
served from several generations of CPUs, so only what all of them have is counted on here. The
engine finds out for itself.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding


@dataclass(frozen=True, slots=True)
class Family:
    """Sizes that share a quota.

    Attributes:
        name: As quotas are counted by.
        sizes: Number of vCPUs, which quotas call cores, by name of the size, in lower case.
        gpu: Name of the GPU, or an empty string.
        bf16: Whether all of its processors multiply bf16 natively.
        reserve: Whether Azure reserves 20 % more for upgrades.
        retires: When Azure ends it, as YYYY-MM-DD, if that has been announced. New subscriptions
            cannot deploy such virtual machines since July 2026, and get no more quota for them.
    """

    name: str
    sizes: dict[str, int]
    gpu: str = ""
    bf16: bool = False
    reserve: bool = True
    retires: str = ""


def _sizes(pattern: str, *cores: int) -> dict[str, int]:
    return {pattern.format(n): n for n in cores}


FAMILIES = (
    Family("standardDASv4Family", _sizes("standard_d{}as_v4", 2, 4, 8, 16, 32, 48, 64, 96)),
    Family("standardDAv4Family", _sizes("standard_d{}a_v4", 2, 4, 8, 16, 32, 48, 64, 96)),
    Family(
        "standardDSv2Family",
        {f"standard_ds{i}_v2": n for i, n in zip(range(1, 6), (1, 2, 4, 8, 16), strict=True)},
        retires="2028-05-01",
    ),
    Family(
        "standardESv3Family",
        _sizes("standard_e{}s_v3", 2, 4, 8, 16, 32, 48, 64),
        retires="2029-11-15",
    ),
    Family(
        "standardFSv2Family",
        _sizes("standard_f{}s_v2", 2, 4, 8, 16, 32, 48, 64, 72),
        retires="2028-11-15",
    ),
    Family("standardFXMDVSFamily", _sizes("standard_fx{}mds", 4, 12, 24, 36, 48)),
    Family("standardLASv3Family", _sizes("standard_l{}as_v3", 8, 16, 32, 48, 64, 80)),
    Family(
        "standardLSv2Family",
        _sizes("standard_l{}s_v2", 8, 16, 32, 48, 64, 80),
        retires="2028-11-15",
    ),
    Family("standardLSv3Family", _sizes("standard_l{}s_v3", 8, 16, 32, 48, 64, 80)),
    Family(
        "standardNCADSA100v4Family",
        _sizes("standard_nc{}ads_a100_v4", 24, 48, 96),
        gpu="A100",
        bf16=True,
        reserve=False,
    ),
    Family("standard NCASv3_T4 Family", _sizes("standard_nc{}as_t4_v3", 4, 8, 16, 64), gpu="T4"),
    Family(
        "standardNCADSH100v5Family",
        {"standard_nc40ads_h100_v5": 40, "standard_nc80adis_h100_v5": 80},
        gpu="H100",
        bf16=True,
        reserve=False,
    ),
    Family(
        "standardNVADSA10v5Family",
        {**_sizes("standard_nv{}ads_a10_v5", 6, 12, 18, 36, 72), "standard_nv36adms_a10_v5": 36},
        gpu="A10",
        bf16=True,
    ),
    Family(
        "standard NDAMSv4_A100Family",
        {"standard_nd96amsr_a100_v4": 96},
        gpu="A100",
        bf16=True,
        reserve=False,
    ),
    Family(
        "standard NDASv4_A100 Family",
        {"standard_nd96asr_v4": 96},
        gpu="A100",
        bf16=True,
        reserve=False,
    ),
    Family("standardNDSv2Family", {"standard_nd40rs_v2": 40}, gpu="V100", reserve=False),
    Family(
        "standardNDv5H100Family",
        {"standard_nd96is_h100_v5": 96, "standard_nd96isr_h100_v5": 96},
        gpu="H100",
        bf16=True,
        reserve=False,
    ),
)
SIZES = {size: family for family in FAMILIES for size in family.sizes}


def find_family(size: str) -> Family | None:
    """The family of a size, if managed online endpoints are known to offer it."""
    return SIZES.get(size.lower())


def quota_cores(size: str, instances: int) -> int:
    """Cores of quota, that is vCPUs, that a managed online deployment takes.

    Args:
        size: One of `SIZES`.
        instances: How many run.
    """
    family = SIZES[size.lower()]
    counted = math.ceil(1.2 * instances) if family.reserve else instances
    return counted * family.sizes[size.lower()]


def uses_gpu(document: Document) -> bool:
    """Whether a deployment is meant to run on a GPU."""
    family = find_family(str(document.get("instance_type", "")))
    limits = document.get("resources.limits", {}) or document.get("resources.requests", {})
    return (
        (family is not None and bool(family.gpu))
        or (isinstance(limits, dict) and bool(limits.get("nvidia.com/gpu")))
        or str(document.variables.get("ENGINE", "")).lower() == "cuda"
    )


def check_size(document: Document) -> Iterator[Finding]:
    """Look at the machine size and at what the engine can do with it."""
    size = document.get("instance_type")
    if document.kind != "managed" or not isinstance(size, str):
        return
    family = find_family(size)
    if family is None:
        near = difflib.get_close_matches(size.lower(), SIZES, 3, cutoff=0.6)
        yield document.warning(
            f"instance_type {size!r} is not among the sizes known for managed online endpoints",
            "Azure may refuse it after the upload. (Its list grows: this may be a new one.)",
            "Near it: " + ", ".join(map(_spell, near)) + "."
            if near
            else "Take one of Microsoft's `Managed online endpoints SKU list`.",
        )
        return
    cores = quota_cores(size, document.number("instance_count", 1))
    processor = f"a {family.gpu}" if family.gpu else "no GPU"
    yield document.ok(f"{size} has {family.sizes[size.lower()]} vCPUs, {processor}; quota: {cores}")
    if family.retires:
        yield document.warning(
            f"Azure ends {size} on {family.retires}",
            "As virtual machines, new subscriptions cannot have such sizes since July 2026, and no "
            "more quota for them is given.",
            "A size without such a date: docs/deploy.md, Quota.",
        )
    yield from _check_engine(document, family)


def _check_engine(document: Document, family: Family) -> Iterator[Finding]:
    engine = str(document.variables.get("ENGINE", "auto")).lower()
    precision = str(document.variables.get("PRECISION", "auto")).lower()
    if engine == "cuda" and not family.gpu:
        yield document.error(
            f"ENGINE is cuda, and {document.get('instance_type')} has no GPU",
            "The container stops when it starts.",
            "ENGINE: openvino and the environment for CPUs, or a size with a GPU.",
        )
    if engine != "cuda" and family.gpu:
        yield document.warning(
            f"ENGINE is {engine} on a size with a GPU",
            "`auto` goes on slowly on the CPU where something is wrong with the GPU; "
            "`openvino` never uses it."
            if engine == "auto"
            else "The GPU would be paid for and not used.",
            "ENGINE: cuda.",
        )
    if precision == "bf16" and not family.bf16:
        yield document.warning(
            f"PRECISION is bf16 on {document.get('instance_type')}",
            "Not all of its processors multiply bf16 natively. Without, a GPU refuses to start, "
            "and a CPU is slower than with fp32 by an order of magnitude.",
            "PRECISION: auto.",
        )


def _spell(size: str) -> str:
    """As Microsoft writes it: `Standard_D4as_v4`."""
    first, *rest = size.split("_")
    parts = [re.sub(r"^[a-z]+", lambda m: m.group().upper(), part, count=1) for part in rest]
    return "_".join([first.capitalize(), *(p.lower() if p[0] == "V" else p for p in parts)])
