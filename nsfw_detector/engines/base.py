"""What every engine offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EngineOutput:
    """What the model says of a batch of n images.

    Attributes:
        logits: float32, shape (n, classes), before the softmax.
        embeddings: float32, shape (n, features): the normalised mean of the patch tokens, which the
            classifier head reads (timm's ``forward_head(pre_logits=True)``).
        layers: For each chosen block, from the first on, the mean over the patch tokens that leave
            it: float32, shape (n, features) (timm's ``forward_intermediates``, pooled).
    """

    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    layers: tuple[NDArray[np.float32], ...] = ()


class Engine(Protocol):
    """Runs the model. One call at a time: the batcher owns the engine and calls it from one thread.

    Attributes:
        name: Runtime and arithmetic, such as ``"openvino-bf16"``.
        max_batch_size: Images per call beyond which a larger batch brings no more throughput.
        embedding_size: Length of an embedding (`features`).
    """

    name: str
    max_batch_size: int
    embedding_size: int

    def infer(self, images: NDArray[np.uint8]) -> EngineOutput:
        """Run the model over a batch.

        Args:
            images: uint8, shape (n, height, width, 3), RGB, of the checkpoint's input size.
        """
        ...
