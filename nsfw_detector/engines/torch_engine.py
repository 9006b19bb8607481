"""The reference engine: the checkpoint's architecture as timm has it, in torch.

It is what the other engines are checked against, and it runs any architecture of timm. torch and
timm belong to the development environment; the serving image on CPUs does without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.base import EngineOutput
from nsfw_detector.errors import CheckpointError, SettingsError


class TorchEngine:
    """Runs a checkpoint through timm, eagerly, on the CPU.

    Args:
        checkpoint: Of any architecture of timm.
        precision: Arithmetic.
        threads: Cores to use.
        layers: Blocks whose pooled patch tokens are wanted too, in ascending order; only of an
            architecture that has blocks and patches.
    """

    max_batch_size = 1  # a larger batch would have to be timed at every start

    def __init__(
        self,
        checkpoint: Checkpoint,
        precision: Literal["fp32", "bf16"],
        threads: int,
        layers: Sequence[int] = (),
    ) -> None:
        try:
            import torch

            from nsfw_detector.torchvision_shim import ensure_importable

            ensure_importable()
            import timm
        except ImportError as error:
            raise SettingsError(
                f"ENGINE=torch needs torch and timm, and {error.name} is not installed. "
                "Install environment/dev.lock, or use ENGINE=openvino."
            ) from None
        self.name = f"torch-{precision}"
        self._torch = torch
        torch.set_num_threads(threads)
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        try:
            model = timm.create_model(f"local-dir:{checkpoint.folder}", pretrained=True)
        except (RuntimeError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"timm cannot load {checkpoint.folder}: {error}. "
                "Take config.json and weights from the same revision of the model."
            ) from None
        self._model = model.eval().to(dtype)
        self.embedding_size = int(model.head_hidden_size)
        preprocess = checkpoint.config.preprocess
        self._mean = torch.tensor(preprocess.mean).mul(255).view(3, 1, 1)
        self._std = torch.tensor(preprocess.std).mul(255).view(3, 1, 1)
        self._dtype = dtype
        self._layers = list(layers)

    def infer(self, images: NDArray[np.uint8]) -> EngineOutput:
        """Run the model over a batch; see `Engine.infer`."""
        torch, model = self._torch, self._model
        with torch.inference_mode():
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
            pixels = ((pixels - self._mean) / self._std).to(self._dtype)
            if self._layers:  # not every architecture has blocks
                features, tokens = model.forward_intermediates(
                    pixels, indices=self._layers, output_fmt="NLC"
                )
            else:
                features, tokens = model.forward_features(pixels), []
            embeddings = model.forward_head(features, pre_logits=True)
            logits = model.head(embeddings)
            layers = tuple(layer.float().mean(1).numpy() for layer in tokens)
        return EngineOutput(logits.float().numpy(), embeddings.float().numpy(), layers)
