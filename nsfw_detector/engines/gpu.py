"""Whether there is a GPU that torch can use, and what it can do."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

NVIDIA_FILES = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl"))


def has_nvidia_device() -> bool:
    """Whether the NVIDIA driver shows itself to this process. Costs nothing and imports nothing."""
    return any(path.exists() for path in NVIDIA_FILES)


def why_no_cuda() -> str | None:
    """What keeps torch from using a GPU here, or None if nothing does.

    Importing torch takes seconds and hundreds of megabytes: on a CPU, ask `has_nvidia_device`
    first.
    """
    if find_spec("torch") is None:
        return "torch is not installed"
    import torch

    if not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no CUDA device that it can use"
    return None


def best_precision() -> Literal["bf16", "fp16"]:
    """The 16-bit arithmetic that this GPU's tensor cores have.

    By compute capability, because `torch.cuda.is_bf16_supported` counts emulation in: it says yes
    on a T4 (7.5), where bf16 is slow.
    """
    import torch

    return "bf16" if torch.cuda.get_device_capability() >= (8, 0) else "fp16"
