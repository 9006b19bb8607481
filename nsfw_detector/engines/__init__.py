"""Model input -> logits and embedding: OpenVINO on a CPU, torch on a GPU, timm as the reference.

Each engine is imported only where it runs: an image that serves on CPUs holds no torch, one that
serves on GPUs needs no OpenVINO and no timm.
"""

from __future__ import annotations

import logging

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.base import Engine, EngineOutput
from nsfw_detector.engines.cpu import fast_float
from nsfw_detector.engines.gpu import best_precision, has_nvidia_device, why_no_cuda
from nsfw_detector.engines.layers import check_layers
from nsfw_detector.errors import SettingsError
from nsfw_detector.settings import Settings
from nsfw_detector.threads import inference_threads

__all__ = ["Engine", "EngineOutput", "create_engine"]

logger = logging.getLogger(__name__)


def create_engine(checkpoint: Checkpoint, settings: Settings) -> Engine:
    """Make the engine that the settings ask for, or the best one for this machine.

    Raises:
        UnsupportedArchitectureError: The engine cannot run this architecture.
        SettingsError: The engine's packages or its device are not there, or it does not compute in
            this precision, or the model has no such layers.
    """
    check_layers(checkpoint, settings.embedding_layers)
    engine = _choose() if settings.engine == "auto" else settings.engine
    return {"cuda": _cuda, "openvino": _openvino, "torch": _torch}[engine](checkpoint, settings)


def _choose() -> str:
    if not has_nvidia_device():
        return "openvino"
    if (problem := why_no_cuda()) is None:
        return "cuda"
    logger.warning("There is an NVIDIA GPU, but %s: running on the CPU.", problem)
    return "openvino"


def _cuda(checkpoint: Checkpoint, settings: Settings) -> Engine:
    if (problem := why_no_cuda()) is not None:
        raise SettingsError(
            f"ENGINE=cuda needs an NVIDIA GPU and torch built for CUDA: {problem}. "
            "Use a GPU machine and its image, or ENGINE=openvino."
        )
    from nsfw_detector.engines.cuda_engine import CudaEngine

    best, precision = best_precision(), settings.precision
    if precision == "int8" or (precision == "bf16" and best != "bf16"):
        raise SettingsError(f"PRECISION={precision}: not on this GPU. Use auto, fp16 or fp32.")
    return CudaEngine(
        checkpoint, best if precision == "auto" else precision, layers=settings.embedding_layers
    )


def _openvino(checkpoint: Checkpoint, settings: Settings) -> Engine:
    precision, threads = settings.precision, inference_threads(settings.threads)
    layers = settings.embedding_layers
    if precision == "fp16":
        raise SettingsError("PRECISION=fp16 needs a GPU. Use auto, bf16, fp32 or int8 on a CPU.")
    try:
        from nsfw_detector.engines.openvino_engine import OpenVINOEngine
        from nsfw_detector.engines.optimised import find_optimised, graph_path
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"Running on the CPU needs OpenVINO, and {error.name} is not installed. "
            "Use the image for CPUs, or a machine with a GPU."
        ) from None
    if precision != "auto":
        return OpenVINOEngine.from_checkpoint(checkpoint, precision, threads, layers)
    manifest = find_optimised(checkpoint)
    if manifest is None:
        return OpenVINOEngine.from_checkpoint(checkpoint, fast_float(), threads, layers)
    logger.info("Optimised engine used: %s", manifest.engine)
    if manifest.engine == "int8-static":
        if layers:
            raise SettingsError(
                "EMBEDDING_LAYERS: the graph that scripts/optimise.py wrote for this checkpoint "
                f"(int8-static) gives no layers. Set PRECISION={fast_float()}, or unset it."
            )
        return OpenVINOEngine.from_graph(graph_path(checkpoint.folder), manifest.engine, threads)
    return OpenVINOEngine.from_checkpoint(checkpoint, manifest.engine, threads, layers)


def _torch(checkpoint: Checkpoint, settings: Settings) -> Engine:
    # The reference computes in fp32 unless told otherwise.
    precision = "fp32" if settings.precision == "auto" else settings.precision
    if precision == "fp16" or precision == "int8":
        raise SettingsError(f"PRECISION={precision}: ENGINE=torch has bf16 and fp32.")
    from nsfw_detector.engines.torch_engine import TorchEngine

    threads = inference_threads(settings.threads)
    return TorchEngine(checkpoint, precision, threads, settings.embedding_layers)
