"""The EVA-02 forward pass as a plain torch module, straight from the safetensors file.

It computes what timm's `Eva` computes, rewritten exactly as in `openvino_graph`: q, k and v from
one matrix, rotary partners half a head apart (see `rotary`), no special case for the class token.
It needs torch alone, and no step depends on the data, so that one trace serves every batch of its
size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from nsfw_detector.checkpoint import Eva02Spec, TensorFile
from nsfw_detector.engines.rotary import angle_tables
from nsfw_detector.engines.weights import NORM_EPSILON, Affine, read_qkv, read_swiglu
from nsfw_detector.transform import Preprocess

ROW_MULTIPLE = 8
"""Products run on tensor cores at full rate where a row is a multiple of 16 bytes."""


class Eva02(nn.Module):
    """uint8 images (n, height, width, 3) -> logits (n, classes) and embedding (n, features).

    Behind these come the pooled patch tokens (n, features) of each chosen block.

    All come as float32 whatever the dtype: pooling, last norm and head are computed in float32,
    which costs nothing (one row per image) and keeps the mean over the tokens from overflowing in
    fp16.

    Args:
        spec: Dimensions of the model.
        tensors: The checkpoint's weights.
        preprocess: Gives mean and standard deviation.
        dtype: Of the weights and tokens up to the pooling.
        layers: The chosen blocks, in ascending order.
    """

    def __init__(
        self,
        spec: Eva02Spec,
        tensors: TensorFile,
        preprocess: Preprocess,
        dtype: torch.dtype,
        layers: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self._layers = layers
        self.patch_embed = PatchEmbed(spec, tensors, preprocess, dtype)
        self.blocks = nn.ModuleList(
            Block(spec, tensors, f"blocks.{index}.", dtype) for index in range(spec.depth)
        )
        self.fc_norm = _norm(Affine.read(tensors, "fc_norm"), torch.float32)
        self.head = _linear(Affine.read(tensors, "head"), torch.float32)
        cos, sin = angle_tables(spec)
        # Against (n, tokens, q or k, heads, half a head). They stay float32: rounded to bf16, the
        # angles would be the coarsest numbers of all.
        self.cos = _constant(cos[:, None, None], torch.float32)
        self.sin = _constant(sin[:, None, None], torch.float32)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Run the model over a batch."""
        tokens = self.patch_embed(images)
        layers = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens, self.cos, self.sin)
            if index in self._layers:
                layers.append(pool(tokens))
        embedding = self.fc_norm(pool(tokens))
        return self.head(embedding), embedding, *layers


class PatchEmbed(nn.Module):
    """Images -> tokens (n, tokens, dim): class token first, positions added.

    A convolution whose windows do not overlap is a matrix product over the patches; as such it
    reads the image as it comes, channels last, and leaves nothing to a convolution library.
    """

    def __init__(
        self, spec: Eva02Spec, tensors: TensorFile, preprocess: Preprocess, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self._grid, self._patch_size = spec.grid, spec.patch_size
        projection = Affine.read(tensors, "patch_embed.proj")
        weight = projection.weight.transpose(0, 2, 3, 1).reshape(spec.embed_dim, -1)
        self._padding = -weight.shape[1] % ROW_MULTIPLE
        positions = tensors.float32("pos_embed")[0]
        self.weight = _constant(np.pad(weight, ((0, 0), (0, self._padding))), dtype)
        self.class_token = _constant(tensors.float32("cls_token") + positions[:1], dtype)
        self.positions = _constant(positions[1:] + projection.bias, dtype)
        self.mean = _constant(np.array(preprocess.mean, dtype=np.float32) * 255, torch.float32)
        self.std = _constant(np.array(preprocess.std, dtype=np.float32) * 255, torch.float32)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise, cut into patches, project."""
        (rows, columns), (height, width) = self._grid, self._patch_size
        # Pixels beyond the last whole patch are left out, as a convolution leaves them out.
        pixels = (images[:, : rows * height, : columns * width] - self.mean) / self.std
        patches = pixels.unflatten(2, (columns, width)).unflatten(1, (rows, height))
        patches = patches.transpose(2, 3).flatten(3).flatten(1, 2)
        patches = functional.pad(patches.to(self.weight.dtype), (0, self._padding))
        tokens = functional.linear(patches, self.weight) + self.positions
        return torch.cat([self.class_token.expand(images.shape[0], -1, -1), tokens], dim=1)


class Block(nn.Module):
    """Attention and SwiGLU, each behind a norm and added to what came in."""

    def __init__(
        self, spec: Eva02Spec, tensors: TensorFile, block: str, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.norm1 = _norm(Affine.read(tensors, f"{block}norm1"), dtype)
        self.attention = Attention(spec, tensors, block, dtype)
        self.norm2 = _norm(Affine.read(tensors, f"{block}norm2"), dtype)
        self.swiglu = SwiGLU(spec, tensors, block, dtype)

    def forward(self, tokens: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(n, tokens, dim) -> the same."""
        tokens = tokens + self.attention(self.norm1(tokens), cos, sin)
        updated: Tensor = tokens + self.swiglu(self.norm2(tokens))
        return updated


class Attention(nn.Module):
    """Self-attention with rotary positions on q and k."""

    def __init__(
        self, spec: Eva02Spec, tensors: TensorFile, block: str, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self._parts = (3, spec.num_heads, spec.head_dim)
        self.qkv = _linear(read_qkv(spec, tensors, block), dtype)
        self.proj = _linear(Affine.read(tensors, f"{block}attn.proj"), dtype)

    def forward(self, tokens: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(n, tokens, dim) -> the same."""
        qkv = self.qkv(tokens).unflatten(-1, self._parts)
        # q and k are turned together, in one pass over memory; v stays where the product left it.
        q, k = rotate(qkv[:, :, :2], cos, sin).unbind(2)
        v = qkv[:, :, 2]
        # No scale: it is part of q's weights.
        mixed = functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale=1.0
        )
        projected: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return projected


class SwiGLU(nn.Module):
    """The feed-forward part: silu(gate) * value.

    Gate and value come from one product: it reads the tokens once, and at small batches, where a
    product of half the width leaves multiprocessors idle, it has twice the tiles to hand out.
    """

    def __init__(
        self, spec: Eva02Spec, tensors: TensorFile, block: str, dtype: torch.dtype
    ) -> None:
        super().__init__()
        gate, value = read_swiglu(spec, tensors, block)
        fused = Affine(
            np.concatenate([gate.weight, value.weight]), np.concatenate([gate.bias, value.bias])
        )
        self.fc1 = _linear(fused, dtype)
        norm = Affine.read(tensors, f"{block}mlp.norm") if spec.scale_mlp else None
        self.norm = nn.Identity() if norm is None else _norm(norm, dtype)
        self.fc2 = _linear(Affine.read(tensors, f"{block}mlp.fc2"), dtype)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, dim) -> the same."""
        gate, value = self.fc1(tokens).chunk(2, dim=-1)
        projected: Tensor = self.fc2(self.norm(functional.silu(gate) * value))
        return projected


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + width/2]) by its angle, in the tables' precision."""
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
    return turned.to(x.dtype)


def pool(tokens: Tensor) -> Tensor:
    """Mean over the patch tokens, without the class token, in float32."""
    return tokens[:, 1:].mean(1, dtype=torch.float32)


def _linear(affine: Affine, dtype: torch.dtype) -> nn.Linear:
    outputs, inputs = affine.weight.shape
    layer = nn.Linear(inputs, outputs, device="meta")
    layer.weight, layer.bias = (_constant(x, dtype) for x in (affine.weight, affine.bias))
    return layer


def _norm(affine: Affine, dtype: torch.dtype) -> nn.LayerNorm:
    layer = nn.LayerNorm(len(affine.weight), NORM_EPSILON, device="meta")
    layer.weight, layer.bias = (_constant(x, dtype) for x in (affine.weight, affine.bias))
    return layer


def _constant(values: NDArray[np.float32], dtype: torch.dtype) -> nn.Parameter:
    """A parameter (so that it follows the module to its device) without a gradient."""
    return nn.Parameter(torch.from_numpy(values).to(dtype), requires_grad=False)
