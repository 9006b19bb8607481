"""What the figures were measured on and with, and when."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.forms import Form
from nsfw_detector.engines.cpu import CPUINFO, has_fast_bf16
from nsfw_detector.threads import usable_cores
from scripts.paths import ROOT

FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
DISTRIBUTIONS = (
    "azureml-inference-server-http",
    "litserve",
    "nsfw-image-detector",
    "numpy",
    "onnxruntime",
    "openvino",
    "pillow",
    "timm",
    "torch",
    "transformers",
)


def describe(form: Form, load_before: float) -> dict[str, Any]:
    """The machine, how busy it was with other things, the versions, the form, date and commit."""
    return {
        "cpu": _cpuinfo("model name"),
        "flags": [flag for flag in FLAGS if flag in _cpuinfo("flags").split()],
        "fast_bf16": has_fast_bf16(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_before": round(load_before, 2),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
        "form": form.name,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
    }


def record(path: Path, part: str, form: Form, load_before: float) -> None:
    """Note for one part of the benchmarks what it was measured on; the others' notes stay."""
    notes = json.loads(path.read_text()) if path.exists() else {}
    notes[part] = describe(form, load_before)
    path.write_text(json.dumps(notes, indent=2) + "\n")


def _cpuinfo(field: str) -> str:
    for line in CPUINFO.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit, marked as dirty if anything but the results differs from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", ":!benchmarks/results")
        return git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None  # no git here, or not a clone
