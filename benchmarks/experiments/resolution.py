"""The same weights at another input size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nsfw_detector.checkpoint import Checkpoint, Eva02Spec, TensorFile
from nsfw_detector.engines.openvino_engine import required_spec


class ResampledTensors(TensorFile):
    """A checkpoint's tensors with the position embedding resampled to another grid of patches.

    Args:
        original: The tensors as stored.
        stored: Dimensions that they are stored for.
        wanted: Dimensions that they are wanted for; only the image size may differ.
    """

    def __init__(self, original: TensorFile, stored: Eva02Spec, wanted: Eva02Spec) -> None:
        super().__init__(original.path)
        self._grids = stored.grid, wanted.grid

    def float32(self, name: str) -> NDArray[np.float32]:
        """See `TensorFile.float32`."""
        values = super().float32(name)
        return resample_positions(values, *self._grids) if name == "pos_embed" else values


def resample_positions(
    positions: NDArray[np.float32], stored: tuple[int, int], wanted: tuple[int, int]
) -> NDArray[np.float32]:
    """Resample the patches' positions, bicubic and antialiased; the class token's stays.

    Pillow's bicubic filter is the one that timm takes from torch (both with a = -1/2).

    Args:
        positions: Shape (1, tokens, dim), class token first.
        stored: Rows and columns of the grid that they are for.
        wanted: Rows and columns of the grid to resample to.
    """
    rows, columns = wanted
    grid = positions[0, 1:].reshape(*stored, -1)
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(grid[..., channel])).resize(
                (columns, rows), Image.Resampling.BICUBIC
            )
        )
        for channel in range(grid.shape[-1])
    ]
    patches = np.stack(channels, axis=-1).reshape(1, rows * columns, -1)
    return np.concatenate([positions[:, :1], patches], axis=1)


def at_scale(checkpoint: Checkpoint, scale: float) -> Checkpoint:
    """The checkpoint at a fraction of its input size, for any engine that builds from weights.

    The rotary positions are spread over the new grid by the engine itself, because their
    reference grid stays.

    Args:
        checkpoint: An EVA-02.
        scale: Factor of both sides, such as 0.5; rounded to whole patches.
    """
    spec = required_spec(checkpoint)
    rows, columns = (max(1, round(scale * patches)) for patches in spec.grid)
    height, width = rows * spec.patch_size[0], columns * spec.patch_size[1]
    resized = replace(spec, image_size=(height, width))
    pretrained = checkpoint.config.pretrained_cfg.model_copy(
        update={"input_size": (3, height, width)}
    )
    return replace(
        checkpoint,
        spec=resized,
        tensors=ResampledTensors(checkpoint.tensors, spec, resized),
        config=checkpoint.config.model_copy(update={"pretrained_cfg": pretrained}),
    )
