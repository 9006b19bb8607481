"""The CPU engine: OpenVINO."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.arena import Arena
from nsfw_detector.engines.base import EngineOutput
from nsfw_detector.engines.openvino_graph import GraphBuilder, arena_size
from nsfw_detector.errors import UnsupportedArchitectureError

logger = logging.getLogger(__name__)

PRECISION_HINT = {"fp32": "f32", "bf16": "bf16"}


class OpenVINOEngine:
    """Runs an EVA-02 checkpoint on the CPU, one image at a time over all given cores.

    One image of 1,025 tokens already fills the matrix multiplications, so that a larger batch would
    only make its first image wait for its last.
    """

    max_batch_size = 1

    def __init__(
        self, checkpoint: Checkpoint, precision: Literal["fp32", "bf16"], threads: int
    ) -> None:
        if checkpoint.spec is None:
            raise UnsupportedArchitectureError(
                f"The OpenVINO engine runs EVA-02, not {checkpoint.config.architecture}. "
                "ENGINE=torch serves any architecture of timm."
            )
        self.name = f"openvino-{precision}"
        arena = _arena(arena_size(checkpoint.spec))
        model = GraphBuilder(
            checkpoint.spec, checkpoint.tensors, checkpoint.config.preprocess, arena
        ).build()
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": PRECISION_HINT[precision],
            "INFERENCE_NUM_THREADS": threads,
        }
        self._request = ov.Core().compile_model(model, "CPU", config).create_infer_request()
        if arena is not None:
            arena.release()

    def infer(self, images: NDArray[np.uint8]) -> EngineOutput:
        """Run the model over a batch; see `Engine.infer`."""
        logits, embeddings = [], []
        for image in images:
            self._request.infer([np.ascontiguousarray(image[None])])
            logits.append(self._request.get_output_tensor(0).data.copy())
            embeddings.append(self._request.get_output_tensor(1).data.copy())
        return EngineOutput(np.concatenate(logits), np.concatenate(embeddings))


def _arena(size: int) -> Arena | None:
    try:
        return Arena(size)
    except OSError as error:  # a read-only or full file system costs memory, not the service
        logger.warning(
            "Weights are held twice (%d MB more): no room in TMPDIR (%s)",
            size >> 20,
            error.strerror,
        )
        return None
