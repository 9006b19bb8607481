"""Model input -> logits and embedding: OpenVINO on a CPU, torch as the reference."""

from __future__ import annotations

import logging

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.base import Engine, EngineOutput
from nsfw_detector.engines.cpu import fast_float, usable_cores
from nsfw_detector.settings import Settings

__all__ = ["Engine", "EngineOutput", "create_engine"]

logger = logging.getLogger(__name__)


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
        return _best(checkpoint, threads)
    return OpenVINOEngine.from_checkpoint(checkpoint, settings.precision, threads)


def _best(checkpoint: Checkpoint, threads: int) -> Engine:
    from nsfw_detector.engines.openvino_engine import OpenVINOEngine
    from nsfw_detector.engines.optimised import find_optimised, graph_path

    manifest = find_optimised(checkpoint)
    if manifest is None:
        return OpenVINOEngine.from_checkpoint(checkpoint, fast_float(), threads)
    logger.info("Optimised engine used: %s", manifest.engine)
    if manifest.engine == "int8-static":
        return OpenVINOEngine.from_graph(graph_path(checkpoint.folder), manifest.engine, threads)
    return OpenVINOEngine.from_checkpoint(checkpoint, manifest.engine, threads)
