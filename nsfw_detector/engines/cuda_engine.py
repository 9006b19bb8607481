"""The GPU engine: torch without timm.

Batches run in buckets: each is filled up to the next size that a CUDA graph was recorded for. The
rows of a batch never meet inside the model, so what lies in the places filled up (images of earlier
batches) changes no result.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.base import EngineOutput
from nsfw_detector.engines.cuda_graphs import Run, record
from nsfw_detector.engines.eva02_module import Eva02
from nsfw_detector.errors import UnsupportedArchitectureError

logger = logging.getLogger(__name__)

Precision: TypeAlias = Literal["fp32", "fp16", "bf16"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
BUCKETS = (1, 2, 4, 8, 16, 32)


class CudaEngine:
    """Runs an EVA-02 checkpoint on a GPU.

    Images go through page-locked memory to the GPU and logits, embeddings and layers come back in
    one tensor, one copy each way per batch.

    Args:
        checkpoint: The model.
        precision: Arithmetic up to the pooling, which is in fp32 always.
        device: ``"cpu"`` computes the same, eagerly and without graphs, where there is no GPU to
            test on.
        layers: Blocks whose pooled patch tokens are wanted too, in ascending order.

    Attributes:
        runs: Bucket -> what runs the model over that many of the images on the device.
    """

    max_batch_size = BUCKETS[-1]

    def __init__(
        self,
        checkpoint: Checkpoint,
        precision: Precision,
        device: str = "cuda",
        layers: Sequence[int] = (),
    ) -> None:
        if checkpoint.spec is None:
            raise UnsupportedArchitectureError(
                f"The CUDA engine runs EVA-02, not {checkpoint.config.architecture}. "
                "ENGINE=torch serves any architecture of timm."
            )
        spec, started = checkpoint.spec, time.perf_counter()
        kind = torch.device(device).type
        self.name = f"{kind}-{precision}"
        self._on_gpu = kind == "cuda"
        self._classes = spec.num_classes
        self.embedding_size = spec.embed_dim
        self._model = Eva02(
            spec, checkpoint.tensors, checkpoint.config.preprocess, DTYPES[precision], layers
        ).to(device)
        shape = (self.max_batch_size, *spec.image_size, 3)
        self._staged = torch.zeros(shape, dtype=torch.uint8, pin_memory=self._on_gpu)
        self._images = torch.zeros(shape, dtype=torch.uint8, device=device)
        columns = spec.num_classes + spec.embed_dim * (1 + len(layers))
        self._results = torch.empty((self.max_batch_size, columns), pin_memory=self._on_gpu)
        self.runs = self._prepare()
        logger.info("%s ready in %.1f s", self.name, time.perf_counter() - started)

    def infer(self, images: NDArray[np.uint8]) -> EngineOutput:
        """Run the model over a batch; see `Engine.infer`."""
        starts = range(0, len(images), self.max_batch_size)
        results = np.concatenate([self._infer(images[i : i + self.max_batch_size]) for i in starts])
        ends = range(self._classes, results.shape[1], self.embedding_size)
        logits, embeddings, *layers = np.split(results, ends, axis=1)
        return EngineOutput(logits, embeddings, tuple(layers))

    @torch.inference_mode()
    def _infer(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        count = len(images)
        self._staged[:count] = torch.from_numpy(images)
        self._images[:count].copy_(self._staged[:count], non_blocking=True)
        output = self.runs[next(size for size in BUCKETS if size >= count)]()
        self._results[:count].copy_(output[:count], non_blocking=True)
        if self._on_gpu:
            # A blocking event puts this thread to sleep. Synchronising the stream would spin, on a
            # core that decodes images.
            done = torch.cuda.Event(blocking=True)
            done.record()
            done.synchronize()
        # A copy, because the next batch overwrites this memory.
        return self._results[:count].numpy().copy()

    @torch.inference_mode()
    def _prepare(self) -> dict[int, Run]:
        if self._on_gpu:
            return record(self._forward, self._images, BUCKETS)
        return {size: partial(self._forward, self._images[:size]) for size in BUCKETS}

    def _forward(self, images: Tensor) -> Tensor:
        """Logits, embedding and layers side by side, so that one copy brings all back."""
        return torch.cat(self._model(images), dim=1)
