"""An EVA-02 block's weights in the one form that engines use, whatever form the file has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Eva02Spec, TensorFile
from nsfw_detector.engines.rotary import half_layout

FloatArray = NDArray[np.float32]

NORM_EPSILON = 1e-6
"""Of every LayerNorm of the family."""


@dataclass(frozen=True, slots=True)
class Affine:
    """A weight and a bias: of a linear layer (out, in) and (out,), or of a norm (n,) and (n,)."""

    weight: FloatArray
    bias: FloatArray

    @classmethod
    def read(cls, tensors: TensorFile, name: str) -> Affine:
        """Read ``<name>.weight`` and ``<name>.bias``."""
        return cls(tensors.float32(f"{name}.weight"), tensors.float32(f"{name}.bias"))

    def split(self, parts: int) -> list[Affine]:
        """Cut into so many layers of about equally many outputs each."""
        weights, biases = (np.array_split(x, parts) for x in (self.weight, self.bias))
        return [Affine(weight, bias) for weight, bias in zip(weights, biases, strict=True)]


def read_qkv(spec: Eva02Spec, tensors: TensorFile, block: str) -> Affine:
    """One fused matrix for q, k and v, with q and k in the half layout of the rotary positions.

    The attention's scale, 1 / sqrt(head width), is part of q: scores need no further factor.

    Args:
        spec: Dimensions of the model.
        tensors: The checkpoint's weights.
        block: Prefix of the block, such as ``"blocks.0."``.

    Returns:
        Weight (3 * dim, dim) and bias (3 * dim,); EVA-02 has no bias for k, so zeros stand there.
    """
    if spec.qkv_fused:
        q, k, v = np.split(tensors.float32(f"{block}attn.qkv.weight"), 3)
        q_bias, v_bias = (tensors.float32(f"{block}attn.{part}_bias") for part in "qv")
    else:
        q, k, v = (tensors.float32(f"{block}attn.{part}_proj.weight") for part in "qkv")
        q_bias, v_bias = (tensors.float32(f"{block}attn.{part}_proj.bias") for part in "qv")
    order = half_layout(spec.num_heads, spec.head_dim)
    scale = np.float32(spec.head_dim**-0.5)
    return Affine(
        np.concatenate([q[order] * scale, k[order], v]),
        np.concatenate([q_bias[order] * scale, np.zeros_like(q_bias), v_bias]),
    )


def read_swiglu(spec: Eva02Spec, tensors: TensorFile, block: str) -> tuple[Affine, Affine]:
    """The two input projections of the SwiGLU: (gate, value), each (hidden, dim)."""
    if spec.scale_mlp:
        gate, value = (Affine.read(tensors, f"{block}mlp.fc1_{part}") for part in "gx")
        return gate, value
    packed = Affine.read(tensors, f"{block}mlp.fc1")
    gate, value = packed.split(2)
    return gate, value
