"""The EVA-02 family: its dimensions, and the exact tensors that a checkpoint of them must hold.

Source: "EVA-02: A Visual Representation for Neon Genesis" (arXiv 2303.11331) as implemented in
timm, whose names for architectures, arguments and tensors are used here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nsfw_detector.checkpoint.config import CheckpointConfig
from nsfw_detector.errors import UnsupportedArchitectureError

Shape = tuple[int, ...]

_TINY = {"embed_dim": 192, "depth": 12, "num_heads": 3, "qkv_fused": True, "scale_mlp": False}
_SMALL = {"embed_dim": 384, "depth": 12, "num_heads": 6, "qkv_fused": True, "scale_mlp": False}
_BASE = {"embed_dim": 768, "depth": 12, "num_heads": 12, "qkv_fused": False, "scale_mlp": True}
_LARGE = {"embed_dim": 1024, "depth": 24, "num_heads": 16, "qkv_fused": False, "scale_mlp": True}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    f"eva02_{size}_patch14_{image_size}": {"img_size": image_size, **dimensions}
    for size, dimensions, image_sizes in (
        ("tiny", _TINY, (224, 336)),
        ("small", _SMALL, (224, 336)),
        ("base", _BASE, (224, 448)),
        ("large", _LARGE, (224, 448)),
    )
    for image_size in image_sizes
}

Positive = Annotated[int, Field(gt=0, strict=True)]
Size = Positive | tuple[Positive, Positive]


class Eva02Args(BaseModel):
    """The `model_args` of a config that say something about an EVA-02; all others are refused."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    img_size: Size
    patch_size: Size = 14
    embed_dim: Positive
    depth: Positive
    num_heads: Positive
    mlp_ratio: Annotated[float, Field(gt=0)] = 4 * 2 / 3
    qkv_fused: bool
    scale_mlp: bool
    ref_feat_shape: Size = 16
    swiglu_mlp: Literal[True] = True
    use_rot_pos_emb: Literal[True] = True


def _pair(size: Size) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)


@dataclass(frozen=True, slots=True)
class Eva02Spec:
    """Dimensions of one EVA-02 classifier.

    Attributes:
        image_size: (height, width) of the input in pixels.
        patch_size: (height, width) of a patch in pixels.
        embed_dim: Width of a token.
        depth: Number of blocks.
        num_heads: Attention heads per block.
        hidden_dim: Width inside the SwiGLU.
        num_classes: Rows of the head.
        qkv_fused: One q/k/v matrix in the file instead of three (tiny, small).
        scale_mlp: Gate and value of the SwiGLU apart, and a norm behind it (base, large).
        reference_grid: (rows, columns) of patches that the rotary positions were trained on.
    """

    image_size: tuple[int, int]
    patch_size: tuple[int, int]
    embed_dim: int
    depth: int
    num_heads: int
    hidden_dim: int
    num_classes: int
    qkv_fused: bool
    scale_mlp: bool
    reference_grid: tuple[int, int]

    @classmethod
    def from_config(cls, config: CheckpointConfig) -> Eva02Spec:
        """Read the dimensions from a checkpoint's config.

        Raises:
            UnsupportedArchitectureError: Not an EVA-02, or one with arguments unknown here.
        """
        if config.architecture not in ARCHITECTURES or config.global_pool != "avg":
            raise UnsupportedArchitectureError(
                f"config.json: architecture {config.architecture} with global_pool "
                f"{config.global_pool} is not one of {', '.join(ARCHITECTURES)} with avg. "
                "ENGINE=torch serves any architecture of timm."
            )
        try:
            args = Eva02Args(**{**ARCHITECTURES[config.architecture], **config.model_args})
        except ValidationError as error:
            fields = ", ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
            raise UnsupportedArchitectureError(
                f"config.json: model_args not supported for an EVA-02 here ({fields})."
            ) from None
        return cls(
            image_size=_pair(args.img_size),
            patch_size=_pair(args.patch_size),
            embed_dim=args.embed_dim,
            depth=args.depth,
            num_heads=args.num_heads,
            hidden_dim=int(args.embed_dim * args.mlp_ratio),
            num_classes=config.num_classes,
            qkv_fused=args.qkv_fused,
            scale_mlp=args.scale_mlp,
            reference_grid=_pair(args.ref_feat_shape),
        )

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of patches."""
        return (
            self.image_size[0] // self.patch_size[0],
            self.image_size[1] // self.patch_size[1],
        )

    @property
    def num_tokens(self) -> int:
        """Patches and the class token."""
        return self.grid[0] * self.grid[1] + 1

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.embed_dim // self.num_heads

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass, a multiply-add counted as two."""
        tokens, dim = self.num_tokens, self.embed_dim
        linear = tokens * (4 * dim * dim + 3 * dim * self.hidden_dim)
        attention = 2 * tokens * tokens * dim
        patches = (tokens - 1) * dim * 3 * self.patch_size[0] * self.patch_size[1]
        return 2 * (self.depth * (linear + attention) + patches + dim * self.num_classes)

    def tensors(self) -> dict[str, Shape]:
        """Name and shape of every tensor that the file must hold, no more and no fewer."""
        dim, hidden = self.embed_dim, self.hidden_dim
        shapes: dict[str, Shape] = {
            "cls_token": (1, 1, dim),
            "pos_embed": (1, self.num_tokens, dim),
            **_linear("patch_embed.proj", (dim, 3, *self.patch_size)),
            **_norm("fc_norm", dim),
            **_linear("head", (self.num_classes, dim)),
        }
        for i in range(self.depth):
            block = f"blocks.{i}."
            shapes |= _norm(block + "norm1", dim) | _norm(block + "norm2", dim)
            shapes |= _linear(block + "attn.proj", (dim, dim))
            shapes |= _linear(block + "mlp.fc2", (dim, hidden))
            if self.qkv_fused:
                shapes[block + "attn.qkv.weight"] = (3 * dim, dim)
                shapes |= {block + f"attn.{part}_bias": (dim,) for part in "qv"}
            else:
                shapes |= _linear(block + "attn.q_proj", (dim, dim))
                shapes[block + "attn.k_proj.weight"] = (dim, dim)
                shapes |= _linear(block + "attn.v_proj", (dim, dim))
            if self.scale_mlp:
                shapes |= _linear(block + "mlp.fc1_g", (hidden, dim))
                shapes |= _linear(block + "mlp.fc1_x", (hidden, dim))
                shapes |= _norm(block + "mlp.norm", hidden)
            else:
                shapes |= _linear(block + "mlp.fc1", (2 * hidden, dim))
        return shapes


def _linear(name: str, weight: Shape) -> dict[str, Shape]:
    return {f"{name}.weight": weight, f"{name}.bias": (weight[0],)}


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
