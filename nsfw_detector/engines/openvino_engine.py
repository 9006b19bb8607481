"""The CPU engine: OpenVINO."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Checkpoint, Eva02Spec
from nsfw_detector.engines.arena import Arena
from nsfw_detector.engines.base import EngineOutput
from nsfw_detector.engines.cpu import fast_float
from nsfw_detector.engines.openvino_graph import GraphBuilder, arena_size
from nsfw_detector.errors import CheckpointError, UnsupportedArchitectureError

Precision = Literal["fp32", "bf16", "int8"]
INT8_GROUP = 64  # activations quantised together; must divide the width of every layer

logger = logging.getLogger(__name__)

CORE = ov.Core()
"""OpenVINO for as long as the process lives.

Its CPU plugin gives the thread that loads it a stack for signals, and takes it away when it is
freed. Where another thread frees it, the first one is left with a stack that is gone: the next
signal that Python handles there (Ctrl-C, SIGTERM, the end of a child) ends the process by SIGSEGV.
"""


class OpenVINOEngine:
    """Runs an EVA-02 graph on the CPU, one image at a time over all given cores.

    One image of 1,025 tokens already fills the matrix multiplications, so that a larger batch would
    only make its first image wait for its last.
    """

    max_batch_size = 1

    def __init__(self, model: ov.Model, precision: str, threads: int) -> None:
        self.name = f"openvino-{precision}"
        # What int8 leaves in floating point is computed in bf16 where that is fast.
        float_type = precision if precision in ("fp32", "bf16") else fast_float()
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[float_type],
            "INFERENCE_NUM_THREADS": threads,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": INT8_GROUP if precision == "int8" else 0,
        }
        self.embedding_size = int(model.output(1).shape[1])
        self._request = CORE.compile_model(model, "CPU", config).create_infer_request()

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: Checkpoint,
        precision: Precision,
        threads: int,
        layers: Sequence[int] = (),
    ) -> Self:
        """Build the engine from the weights.

        Args:
            checkpoint: An EVA-02.
            precision: Arithmetic; int8 holds weights as int8 and quantises activations on the fly
                where the CPU's kernels can, without calibration.
            threads: Cores to use.
            layers: Blocks whose pooled patch tokens are wanted too, in ascending order.

        Raises:
            UnsupportedArchitectureError: The checkpoint is no EVA-02.
        """
        spec = required_spec(checkpoint)
        arena = None if precision == "int8" else _arena(arena_size(spec))
        model = GraphBuilder(
            spec,
            checkpoint.tensors,
            checkpoint.config.preprocess,
            arena,
            layers,
            int8=precision == "int8",
        ).build()
        engine = cls(model, precision, threads)
        if arena is not None:
            arena.release()
        return engine

    @classmethod
    def from_graph(cls, path: Path, precision: str, threads: int) -> Self:
        """Load a graph that `scripts/optimise.py` wrote.

        Raises:
            CheckpointError: The file is missing or damaged.
        """
        try:
            model = CORE.read_model(path)
        except RuntimeError as error:
            raise CheckpointError(
                f"{path} cannot be read: {error}. Run scripts/optimise.py again."
            ) from None
        return cls(model, precision, threads)

    def infer(self, images: NDArray[np.uint8]) -> EngineOutput:
        """Run the model over a batch; see `Engine.infer`."""
        rows = []
        for image in images:
            self._request.infer([np.ascontiguousarray(image[None])])
            rows.append([tensor.data.copy() for tensor in self._request.output_tensors])
        logits, embeddings, *layers = (np.concatenate(column) for column in zip(*rows, strict=True))
        return EngineOutput(logits, embeddings, tuple(layers))


def required_spec(checkpoint: Checkpoint) -> Eva02Spec:
    """The dimensions of an EVA-02 checkpoint.

    Raises:
        UnsupportedArchitectureError: It is another architecture.
    """
    if checkpoint.spec is None:
        raise UnsupportedArchitectureError(
            f"The OpenVINO engine runs EVA-02, not {checkpoint.config.architecture}. "
            "ENGINE=torch serves any architecture of timm."
        )
    return checkpoint.spec


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
