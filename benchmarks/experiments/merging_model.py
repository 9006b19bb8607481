"""EVA-02 in torch, with token merging between attention and MLP of every block.

Rotary positions are what keeps published token merging from this model. Here each token carries its
position, merged tokens the mean of theirs weighted by size, and a block computes the angles from
the positions that its tokens have. A merged token counts as often as it has patches: in attention
(log size added to its scores) and in the mean over the tokens.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.experiments.merging import match
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.openvino_engine import required_spec
from nsfw_detector.engines.rotary import frequency_bands, token_positions
from nsfw_detector.engines.weights import Affine, read_qkv, read_swiglu

EPSILON = 1e-6
Rotation: TypeAlias = tuple[Tensor, Tensor]


class MergingEva02:
    """A checkpoint with token merging.

    Args:
        checkpoint: An EVA-02.
        merged: Tokens to save in every block; 0 computes exactly what the model computes.
        dtype: Of weights and features; positions and sizes stay in float32.
        rotated_keys: Judge similarity by keys after rotation, which know of positions.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        merged: int,
        dtype: torch.dtype = torch.float32,
        *,
        rotated_keys: bool = False,
    ) -> None:
        spec, tensors = required_spec(checkpoint), checkpoint.tensors
        self.merged, self._rotated_keys, self._dtype = merged, rotated_keys, dtype
        preprocess = checkpoint.config.preprocess
        self._mean = torch.tensor(preprocess.mean) * 255
        self._std = torch.tensor(preprocess.std) * 255
        self._patch_size = spec.patch_size
        self._projection = _affine(Affine.read(tensors, "patch_embed.proj"), dtype)
        positions = tensors.float32("pos_embed")
        self._class = _tensor(tensors.float32("cls_token") + positions[:, :1], dtype)
        self._absolute = _tensor(positions[:, 1:], dtype)
        self._positions = _tensor(token_positions(spec), torch.float32)[None]
        self._bands = _tensor(frequency_bands(spec), torch.float32)
        self._blocks = [Block(checkpoint, f"blocks.{index}.", dtype) for index in range(spec.depth)]
        self._norm = _affine(Affine.read(tensors, "fc_norm"), dtype)
        self._head = _affine(Affine.read(tensors, "head"), dtype)

    def __call__(self, images: Tensor) -> Tensor:
        """Compute logits, (n, classes), of uint8 images (n, height, width, 3)."""
        logits, _ = self.forward_sizes(images)
        return logits

    def forward_sizes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Also return how many patches each token has become, (n, tokens, 1)."""
        tokens = self._embed_patches(images)
        positions = self._positions.expand(len(images), -1, -1)
        sizes = torch.ones_like(positions[..., :1])
        for block in self._blocks:
            rotation = self._rotation(positions)
            mixed, keys, rotated = block.attention(tokens, rotation, sizes if self.merged else None)
            tokens = tokens + mixed
            count = min(self.merged, (tokens.shape[1] - 1) // 2)
            if count:
                chosen = rotated if self._rotated_keys else keys
                matching = match(chosen.mean(dim=1), count)
                merged_sizes = matching.sum(sizes)
                tokens = (matching.sum(tokens.float() * sizes) / merged_sizes).to(self._dtype)
                positions = matching.sum(positions * sizes) / merged_sizes
                sizes = merged_sizes
            tokens = tokens + block.swiglu(tokens)
        patches, weights = tokens[:, 1:].float(), sizes[:, 1:]
        pooled = ((patches * weights).sum(1) / weights.sum(1)).to(self._dtype)
        logits = functional.linear(_layer_norm(pooled, self._norm), *self._head)
        return logits.float(), sizes

    def _embed_patches(self, images: Tensor) -> Tensor:
        pixels = ((images.float() - self._mean) / self._std).permute(0, 3, 1, 2).to(self._dtype)
        patches = functional.conv2d(pixels, *self._projection, stride=self._patch_size)
        patches = patches.flatten(2).transpose(1, 2) + self._absolute
        return torch.cat([self._class.expand(len(images), -1, -1), patches], dim=1)

    def _rotation(self, positions: Tensor) -> Rotation:
        """Cosine and sine of each token, (n, 1, tokens, head width / 2)."""
        angles = (positions[..., None] * self._bands).flatten(2)[:, None]
        return angles.cos().to(self._dtype), angles.sin().to(self._dtype)


class Block:
    """The weights of one block, and what it does with them."""

    def __init__(self, checkpoint: Checkpoint, name: str, dtype: torch.dtype) -> None:
        spec, tensors = required_spec(checkpoint), checkpoint.tensors
        self._heads = spec.num_heads
        self._qkv = _affine(read_qkv(spec, tensors, name), dtype)
        self._gate, self._value = (_affine(a, dtype) for a in read_swiglu(spec, tensors, name))
        parts = ["norm1", "norm2", "attn.proj", "mlp.fc2"]
        parts += ["mlp.norm"] if spec.scale_mlp else []
        self._affine = {part: _affine(Affine.read(tensors, name + part), dtype) for part in parts}

    def attention(
        self, tokens: Tensor, rotation: Rotation, sizes: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the output, and the keys before and after rotation, (n, heads, tokens, width)."""
        normed = _layer_norm(tokens, self._affine["norm1"])
        qkv = functional.linear(normed, *self._qkv).reshape(*tokens.shape[:2], 3, self._heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        rotated = _rotate(k, rotation)
        bias = None if sizes is None else sizes.log().to(q.dtype).transpose(1, 2)[:, None]
        mixed = functional.scaled_dot_product_attention(
            _rotate(q, rotation), rotated, v, attn_mask=bias, scale=1.0
        )
        mixed = mixed.transpose(1, 2).flatten(2)
        return functional.linear(mixed, *self._affine["attn.proj"]), k, rotated

    def swiglu(self, tokens: Tensor) -> Tensor:
        """Return what is to be added to the tokens."""
        normed = _layer_norm(tokens, self._affine["norm2"])
        gate = functional.silu(functional.linear(normed, *self._gate))
        hidden = gate * functional.linear(normed, *self._value)
        if "mlp.norm" in self._affine:
            hidden = _layer_norm(hidden, self._affine["mlp.norm"])
        return functional.linear(hidden, *self._affine["mlp.fc2"])


def _rotate(x: Tensor, rotation: Rotation) -> Tensor:
    """Turn each pair (x[i], x[i + width/2]) by its angle."""
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _layer_norm(x: Tensor, affine: tuple[Tensor, Tensor]) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], *affine, eps=EPSILON)


def _affine(affine: Affine, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return _tensor(affine.weight, dtype), _tensor(affine.bias, dtype)


def _tensor(values: NDArray[np.floating], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.array(values)).to(dtype)
