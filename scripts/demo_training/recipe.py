"""What the demo checkpoint is, and what it is trained and measured on."""

from __future__ import annotations

from typing import Any

from scripts.demo_images import LEVELS

ARCHITECTURE = "eva02_base_patch14_448"
SIDE = 112
MODEL_ARGS = {"img_size": SIDE, "embed_dim": 96, "depth": 4, "num_heads": 4}
"""What makes timm's EVA-02 base tiny; all else (patches of 14, SwiGLU, rotary ...) stays."""

MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]

CONFIG: dict[str, Any] = {
    "architecture": ARCHITECTURE,
    "architectures": ["TimmWrapperForImageClassification"],
    "do_pooling": True,
    "global_pool": "avg",
    "initializer_range": 0.02,
    "label_names": list(LEVELS),
    "model_args": MODEL_ARGS,
    "model_name": "nsfw-detector-demo",
    "model_type": "timm_wrapper",
    "model_version": "1",
    "num_classes": len(LEVELS),
    "num_features": MODEL_ARGS["embed_dim"],
    "pretrained_cfg": {
        "classifier": "head",
        "crop_mode": "squash",
        "crop_pct": 1.0,
        "custom_load": False,
        "first_conv": "patch_embed.proj",
        "fixed_input_size": True,
        "input_size": [3, SIDE, SIDE],
        "interpolation": "bicubic",
        "license": "mit",
        "mean": MEAN,
        "pool_size": None,
        "std": STD,
        "tag": "demo",
    },
    "torch_dtype": "bfloat16",
}
"""config.json: the original's keys, the tiny model's arguments, and its own name and version."""

BATCH = 32
LEARNING_RATE = 2e-3
HELD_OUT_SEED_OFFSET = 1_000_000
"""From the seed of the training pictures to that of the pictures which the model is measured on."""

HELD_OUT_SIDE = 2000
"""The longest side of a held-out picture; training pictures are smaller, to be drawn faster."""
