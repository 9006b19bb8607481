"""What a Kubernetes deployment asks of its cluster, and a batch deployment of its time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nsfw_detector.settings import Settings
from scripts.azure.checks.document import Document
from scripts.azure.checks.hardware import uses_gpu
from scripts.azure.findings import Finding

PEAK_MIB = 848
"""Measured with fp32, the precision that takes the most (benchmarks/results/engines.csv)."""
SLOW_SECONDS = 2.0
"""For one frame on a CPU: fp32 took 0.8 s on two cores, and decoding `MOST_PIXELS` of a video
2.3 s on one."""
UNITS = {"": 2**-20, "k": 1e3 / 2**20, "M": 1e6 / 2**20, "G": 1e9 / 2**20}
UNITS |= {"Ki": 2**-10, "Mi": 1, "Gi": 2**10}


def check_resources(document: Document) -> Iterator[Finding]:
    """Look at memory, cores, and the time that a mini-batch may take."""
    if document.kind == "kubernetes":
        yield from _check_container(document)
    if document.kind == "batch":
        yield from _check_batch(document)


def _check_container(document: Document) -> Iterator[Finding]:
    memory = _mebibytes(str(document.get("resources.limits.memory", "")))
    if memory is not None and memory < 1.5 * PEAK_MIB:
        yield document.error(
            f"resources.limits.memory is {document.get('resources.limits.memory')}",
            f"Scoring took up to {PEAK_MIB} MiB, photos being decoded not counted; beyond its "
            "limit the container is killed.",
            "4Gi.",
        )
    cores = str(document.get("resources.limits.cpu", ""))
    if cores.endswith("m") or "." in cores:
        yield document.warning(
            f"resources.limits.cpu is {cores}",
            "The engine computes on whole cores, and would be slowed down by the rest.",
            "A whole number.",
        )


def _check_batch(document: Document) -> Iterator[Finding]:
    settings = document.settings
    if document.number(f"{settings}error_threshold", -1) == -1:
        yield document.warning(
            f"{settings}error_threshold is -1",
            "Mini-batches that fail are left out of the output, and the job still succeeds.",
            "0: score.py gives each file its row, broken ones too, so no failure is expected.",
        )
    if document.get("code_configuration") and (
        document.number(f"{settings}max_concurrency_per_instance", 1) > 1
    ):
        yield document.warning(
            f"{settings}max_concurrency_per_instance is more than 1",
            "Each process holds its own copy of the model and computes on all cores.",
            "1: one process already uses the whole node.",
        )
    if document.get(f"{settings}output_action", "append_row") != "summary_only":
        yield document.warning(
            f"{settings}output_action is append_row",
            "Beside the table that score.py writes, every row goes into predictions.csv as a line "
            "of JSON, and the job fails if that file is there already.",
            "summary_only.",
        )
    if uses_gpu(document):
        return
    frames = max(
        _number(document.variables.get(name.upper(), str(Settings.model_fields[name].default)))
        for name in ("max_frames", "max_video_frames")
    )
    files = document.number(f"{settings}mini_batch_size", 10)
    timeout = document.number(f"{settings}retry_settings.timeout", 30)
    needed = files * frames * SLOW_SECONDS
    if timeout < needed:
        yield document.error(
            f"{settings}retry_settings.timeout is {timeout} s for {files} files",
            f"Videos or animations of {frames} scored frames at {SLOW_SECONDS:g} s each take "
            f"{needed:.0f} s; then the mini-batch is repeated, and fails.",
            f"{needed * 2:.0f} s, or fewer files.",
        )


def _mebibytes(text: str) -> float | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G)?", text)
    return float(found[1]) * UNITS[found[2] or ""] if found else None


def _number(text: object) -> int:
    try:
        return int(str(text))
    except ValueError:  # said by the check of the variables
        return 1
