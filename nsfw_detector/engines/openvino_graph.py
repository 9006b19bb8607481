"""The EVA-02 forward pass as an OpenVINO graph, straight from the safetensors file.

It computes what timm's `Eva` computes, rewritten exactly (1e-6 in fp32) into the form that
OpenVINO's CPU kernels take best: q, k and v from one matrix, rotary partners half a head apart (see
`rotary`), no special case for the class token. Neither torch nor timm is needed to build it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import ArrayLike, NDArray
from openvino import Node
from openvino import opset13 as ops

from nsfw_detector.checkpoint import Eva02Spec, TensorFile
from nsfw_detector.engines.rotary import angle_tables
from nsfw_detector.engines.weights import Affine, read_qkv, read_swiglu
from nsfw_detector.transform import Preprocess

NORM_EPSILON = 1e-6


def build_graph(spec: Eva02Spec, tensors: TensorFile, preprocess: Preprocess) -> ov.Model:
    """Build the graph for one image at a time.

    Args:
        spec: Dimensions of the model.
        tensors: The checkpoint's weights.
        preprocess: Gives mean and standard deviation.

    Returns:
        A model with the input uint8 (1, height, width, 3) and the outputs logits (1, classes) and
        embedding (1, features), both float32.
    """
    image = ops.parameter([1, *spec.image_size, 3], np.uint8, name="image")
    tokens = _embed_patches(_normalise(image, preprocess), spec, tensors)
    cos, sin = angle_tables(spec)
    rotary = (_constant(np.tile(cos, 2)[None, None]), _constant(np.tile(sin, 2)[None, None]))
    for index in range(spec.depth):
        block = f"blocks.{index}."
        tokens = ops.add(tokens, _attention(tokens, spec, tensors, block, rotary))
        tokens = ops.add(tokens, _swiglu(tokens, spec, tensors, block))
    patches = ops.slice(tokens, _ints([1]), _ints([spec.num_tokens]), _ints([1]), _ints([1]))
    pooled = ops.reduce_mean(patches, _ints([1]), keep_dims=False)
    embedding = _norm(pooled, Affine.read(tensors, "fc_norm"))
    logits = _linear(embedding, Affine.read(tensors, "head"))
    results = [ops.result(logits, name="logits"), ops.result(embedding, name="embedding")]
    return ov.Model(results, [image], "eva02")


def _normalise(image: Node, preprocess: Preprocess) -> Node:
    mean = np.array(preprocess.mean, dtype=np.float32) * 255
    std = np.array(preprocess.std, dtype=np.float32) * 255
    centred = ops.subtract(ops.convert(image, "f32"), _constant(mean))
    return ops.multiply(centred, _constant(1 / std))


def _embed_patches(pixels: Node, spec: Eva02Spec, tensors: TensorFile) -> Node:
    """(1, height, width, 3) -> tokens (1, tokens, dim), class token first, positions added."""
    projection = Affine.read(tensors, "patch_embed.proj")
    positions = tensors.float32("pos_embed")
    patches = ops.convolution(
        ops.transpose(pixels, _ints([0, 3, 1, 2])),
        _constant(projection.weight),
        list(spec.patch_size),
        [0, 0],
        [0, 0],
        [1, 1],
    )
    patches = ops.reshape(patches, _ints([1, spec.embed_dim, -1]), special_zero=False)
    patches = ops.transpose(patches, _ints([0, 2, 1]))
    patches = ops.add(patches, _constant(positions[:, 1:] + projection.bias))
    class_token = _constant(tensors.float32("cls_token") + positions[:, :1])
    return ops.concat([class_token, patches], axis=1)


def _attention(
    tokens: Node, spec: Eva02Spec, tensors: TensorFile, block: str, rotary: tuple[Node, Node]
) -> Node:
    heads, width = spec.num_heads, spec.head_dim
    normed = _norm(tokens, Affine.read(tensors, f"{block}norm1"))
    qkv = _linear(normed, read_qkv(spec, tensors, block))
    qkv = ops.reshape(qkv, _ints([1, -1, 3, heads, width]), special_zero=False)
    parts = ops.split(ops.transpose(qkv, _ints([2, 0, 3, 1, 4])), _ints(0), 3)
    q, k, v = (ops.squeeze(parts.output(i), _ints([0])) for i in range(3))
    scale = _constant(width**-0.5)
    q = ops.multiply(_rotate(q, width, *rotary), scale)
    scores = ops.matmul(q, _rotate(k, width, *rotary), False, True)
    mixed = ops.matmul(ops.softmax(scores, -1), v, False, False)
    mixed = ops.transpose(mixed, _ints([0, 2, 1, 3]))
    mixed = ops.reshape(mixed, _ints([1, -1, spec.embed_dim]), special_zero=False)
    return _linear(mixed, Affine.read(tensors, f"{block}attn.proj"))


def _rotate(x: Node, width: int, cos: Node, sin: Node) -> Node:
    """Turn each pair (x[i], x[i + width/2]) by its angle: x * cos + (-second, first) * sin."""
    halves = ops.variadic_split(x, _ints(-1), _ints([width // 2, width // 2]))
    turned = ops.concat([ops.multiply(halves.output(1), _constant(-1)), halves.output(0)], axis=-1)
    return ops.add(ops.multiply(x, cos), ops.multiply(turned, sin))


def _swiglu(tokens: Node, spec: Eva02Spec, tensors: TensorFile, block: str) -> Node:
    normed = _norm(tokens, Affine.read(tensors, f"{block}norm2"))
    gate, value = read_swiglu(spec, tensors, block)
    hidden = ops.multiply(ops.swish(_linear(normed, gate)), _linear(normed, value))
    if spec.scale_mlp:
        hidden = _norm(hidden, Affine.read(tensors, f"{block}mlp.norm"))
    return _linear(hidden, Affine.read(tensors, f"{block}mlp.fc2"))


def _norm(x: Node, affine: Affine) -> Node:
    centred = ops.mvn(x, _ints([-1]), True, NORM_EPSILON, "inside_sqrt")
    return ops.add(ops.multiply(centred, _constant(affine.weight)), _constant(affine.bias))


def _linear(x: Node, affine: Affine) -> Node:
    return ops.add(ops.matmul(x, _constant(affine.weight), False, True), _constant(affine.bias))


def _constant(values: ArrayLike) -> Node:
    return ops.constant(np.ascontiguousarray(values, dtype=np.float32))


def _ints(values: int | Sequence[int]) -> Node:
    array: NDArray[Any] = np.array(values, dtype=np.int64)
    return ops.constant(array)
