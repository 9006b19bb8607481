"""Model input -> logits and embedding: OpenVINO on a CPU, torch as the reference."""

from __future__ import annotations

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.base import Engine, EngineOutput
from nsfw_detector.engines.cpu import has_fast_bf16, usable_cores
from nsfw_detector.settings import Settings

__all__ = ["Engine", "EngineOutput", "create_engine"]


def create_engine(checkpoint: Checkpoint, settings: Settings) -> Engine:
    """Make the engine that the settings ask for, or the best one for this machine.

    Raises:
        UnsupportedArchitectureError: The engine cannot run this architecture.
        SettingsError: The engine's packages are not installed.
    """
    threads = settings.threads or usable_cores()
    if settings.engine == "torch":
        from nsfw_detector.engines.torch_engine import TorchEngine

        # The reference computes in fp32 unless told otherwise.
        return TorchEngine(checkpoint, "bf16" if settings.precision == "bf16" else "fp32", threads)
    from nsfw_detector.engines.openvino_engine import OpenVINOEngine

    if settings.precision == "auto":
        return OpenVINOEngine(checkpoint, "bf16" if has_fast_bf16() else "fp32", threads)
    return OpenVINOEngine(checkpoint, settings.precision, threads)
