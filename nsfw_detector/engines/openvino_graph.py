"""The EVA-02 forward pass as an OpenVINO graph, straight from the safetensors file.

It computes what timm's `Eva` computes, rewritten exactly (1e-6 in fp32) into the form that
OpenVINO's CPU kernels take best: rotary partners half a head apart (see `rotary`), no special case
for the class token, weights in pieces that fit the caches. Neither torch nor timm is needed to
build it.
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
from nsfw_detector.engines.arena import PAGE, Arena
from nsfw_detector.engines.rotary import angle_tables
from nsfw_detector.engines.weights import NORM_EPSILON, Affine, read_qkv, read_swiglu
from nsfw_detector.transform import Preprocess

PATCH_EMBED, HEAD = "patch_embed", "head"  # names of the nodes that stay in floating point
# A weight of about 1,000 rows stays in a core's second-level cache: in the base model, q, k and v
# apart and the SwiGLU in two parts made a forward pass 7 % faster than fused (AMX, bf16).
SWIGLU_PARTS = 2
CHANNELS = 3  # axis of the head's channels; OpenVINO fuses the rotation only if it is no -1


class GraphBuilder:
    """Builds the graph of one checkpoint, for one image at a time.

    Args:
        spec: Dimensions of the model.
        tensors: The checkpoint's weights.
        preprocess: Gives mean and standard deviation.
        arena: Where the large constants are put; None leaves them in ordinary memory.
        layers: Blocks whose pooled patch tokens are wanted too, in ascending order.
        int8: Whether to hold the weights of the blocks as int8 with a scale per row.
    """

    def __init__(
        self,
        spec: Eva02Spec,
        tensors: TensorFile,
        preprocess: Preprocess,
        arena: Arena | None = None,
        layers: Sequence[int] = (),
        *,
        int8: bool = False,
    ) -> None:
        self._spec = spec
        self._tensors = tensors
        self._preprocess = preprocess
        self._arena = arena
        self._layers = layers
        self._int8 = int8

    def build(self) -> ov.Model:
        """Build the graph.

        Returns:
            A model with the input uint8 (1, height, width, 3) and the outputs logits (1, classes),
            embedding (1, features) and, for each layer that is wanted, pooled tokens (1, features),
            all float32.
        """
        spec = self._spec
        image = ops.parameter([1, *spec.image_size, 3], np.uint8, name="image")
        tokens = self._embed_patches(self._normalise(image))
        cos, sin = angle_tables(spec)
        rotary = [_constant(np.tile(table, 2)[None, None]) for table in (cos, sin)]
        layers = []  # what is given of them
        for index in range(spec.depth):
            block = f"blocks.{index}."
            tokens = ops.add(tokens, self._attention(tokens, block, rotary))
            tokens = ops.add(tokens, self._swiglu(tokens, block))
            if index in self._layers:
                layers.append(self._pool(tokens))
            self._tensors.release()  # this block's weights are in the graph now
        embedding = self._norm(self._pool(tokens), "fc_norm")
        head = Affine.read(self._tensors, "head")
        product = ops.matmul(embedding, _constant(head.weight), False, True, name=HEAD)
        logits = ops.add(product, _constant(head.bias))
        results = [ops.result(logits, name="logits"), ops.result(embedding, name="embedding")]
        return ov.Model([*results, *map(ops.result, layers)], [image], "eva02")

    def _normalise(self, image: Node) -> Node:
        mean = np.array(self._preprocess.mean, dtype=np.float32) * 255
        std = np.array(self._preprocess.std, dtype=np.float32) * 255
        centred = ops.subtract(ops.convert(image, "f32"), _constant(mean))
        return ops.multiply(centred, _constant(1 / std))

    def _embed_patches(self, pixels: Node) -> Node:
        """(1, height, width, 3) -> tokens (1, tokens, dim), class token first, positions added."""
        projection = Affine.read(self._tensors, "patch_embed.proj")
        positions = self._tensors.float32("pos_embed")
        patches = ops.convolution(
            ops.transpose(pixels, _ints([0, 3, 1, 2])),
            _constant(projection.weight),
            list(self._spec.patch_size),
            [0, 0],
            [0, 0],
            [1, 1],
            name=PATCH_EMBED,
        )
        patches = ops.reshape(patches, _ints([1, self._spec.embed_dim, -1]), special_zero=False)
        patches = ops.transpose(patches, _ints([0, 2, 1]))
        patches = ops.add(patches, _constant(positions[:, 1:] + projection.bias))
        class_token = _constant(self._tensors.float32("cls_token") + positions[:, :1])
        return ops.concat([class_token, patches], axis=1)

    def _attention(self, tokens: Node, block: str, rotary: Sequence[Node]) -> Node:
        dim, width = self._spec.embed_dim, self._spec.head_dim
        normed = self._norm(tokens, f"{block}norm1")
        q, k, v = (
            self._split_heads(self._linear(normed, part))
            for part in read_qkv(self._spec, self._tensors, block).split(3)
        )
        scores = ops.matmul(_rotate(q, width, *rotary), _rotate(k, width, *rotary), False, True)
        mixed = ops.matmul(ops.softmax(scores, -1), v, False, False)
        mixed = ops.transpose(mixed, _ints([0, 2, 1, 3]))
        mixed = ops.reshape(mixed, _ints([1, -1, dim]), special_zero=False)
        return self._linear(mixed, Affine.read(self._tensors, f"{block}attn.proj"))

    def _split_heads(self, x: Node) -> Node:
        """(1, tokens, dim) -> (1, heads, tokens, head width)."""
        shape = _ints([1, -1, self._spec.num_heads, self._spec.head_dim])
        return ops.transpose(ops.reshape(x, shape, special_zero=False), _ints([0, 2, 1, 3]))

    def _swiglu(self, tokens: Node, block: str) -> Node:
        normed = self._norm(tokens, f"{block}norm2")
        gate, value = read_swiglu(self._spec, self._tensors, block)
        parts = [
            ops.multiply(ops.swish(self._linear(normed, g)), self._linear(normed, v))
            for g, v in zip(gate.split(SWIGLU_PARTS), value.split(SWIGLU_PARTS), strict=True)
        ]
        hidden = ops.concat(parts, axis=2)
        if self._spec.scale_mlp:
            hidden = self._norm(hidden, f"{block}mlp.norm")
        return self._linear(hidden, Affine.read(self._tensors, f"{block}mlp.fc2"))

    def _pool(self, tokens: Node) -> Node:
        """Mean over the patch tokens, without the class token."""
        end = _ints([self._spec.num_tokens])
        patches = ops.slice(tokens, _ints([1]), end, _ints([1]), _ints([1]))
        return ops.reduce_mean(patches, _ints([1]), keep_dims=False)

    def _norm(self, x: Node, name: str) -> Node:
        affine = Affine.read(self._tensors, name)
        centred = ops.mvn(x, _ints([-1]), True, NORM_EPSILON, "inside_sqrt")
        return ops.add(ops.multiply(centred, _constant(affine.weight)), _constant(affine.bias))

    def _linear(self, x: Node, affine: Affine) -> Node:
        product = ops.matmul(x, self._weight(affine.weight), False, True)
        return ops.add(product, _constant(affine.bias))

    def _weight(self, values: NDArray[np.float32]) -> Node:
        if self._int8:
            scales = np.abs(values).max(axis=1, keepdims=True) / 127
            levels = np.rint(values / np.maximum(scales, np.finfo(np.float32).tiny))
            stored = ops.convert(ops.constant(levels.astype(np.int8)), "f32")
            return ops.multiply(stored, _constant(scales))
        if self._arena is None:
            return _constant(values)
        return ops.constant(self._arena.put(values), shared_memory=True)


def arena_size(spec: Eva02Spec) -> int:
    """Bytes that the graph's weights take in an arena."""
    matrices = [shape for shape in spec.tensors().values() if len(shape) == 2]
    pieces = 2 * max(SWIGLU_PARTS, 3)  # at most, of one matrix in the file; each ends on a page
    return sum(4 * rows * columns + pieces * PAGE for rows, columns in matrices)


def _rotate(x: Node, width: int, cos: Node, sin: Node) -> Node:
    """Turn each pair (x[i], x[i + width/2]) by its angle: x * cos + (-second, first) * sin.

    Written in just the way that OpenVINO recognises and replaces by one kernel.
    """
    halves = ops.variadic_split(x, _ints(CHANNELS), _ints([width // 2, width // 2]))
    turned = ops.concat([ops.multiply(halves.output(1), _constant(-1)), halves.output(0)], axis=-1)
    return ops.add(ops.multiply(x, cos), ops.multiply(turned, sin))


def _constant(values: ArrayLike) -> Node:
    return ops.constant(np.ascontiguousarray(values, dtype=np.float32))


def _ints(values: int | Sequence[int]) -> Node:
    array: NDArray[Any] = np.array(values, dtype=np.int64)
    return ops.constant(array)
