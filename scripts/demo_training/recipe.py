"""What the demo checkpoint is, and what it is trained and measured on."""

from __future__ import annotations

from typing import Any

from scripts.demo_images import LEVELS
from scripts.random_checkpoint import FREEPIK_CONFIG

ARCHITECTURE: str = FREEPIK_CONFIG["architecture"]
SIDE = 112
MODEL_ARGS = {"img_size": SIDE, "embed_dim": 96, "depth": 4, "num_heads": 4}
"""What makes timm's EVA-02 base tiny; all else (patches of 14, SwiGLU, rotary ...) stays."""

_ABOUT_THE_ORIGINAL = ("_name_or_path", "transformers_version")
CONFIG: dict[str, Any] = {
    **{key: value for key, value in FREEPIK_CONFIG.items() if key not in _ABOUT_THE_ORIGINAL},
    "label_names": list(LEVELS),
    "model_args": MODEL_ARGS,
    "model_name": "nsfw-detector-demo",
    "model_version": "1",
    "num_classes": len(LEVELS),
    "num_features": MODEL_ARGS["embed_dim"],
    "pretrained_cfg": {
        **FREEPIK_CONFIG["pretrained_cfg"],
        "input_size": [3, SIDE, SIDE],
        "tag": "demo",
    },
}
"""config.json: the original's keys, the tiny model's arguments, and its own name and version."""

MEAN: list[float] = CONFIG["pretrained_cfg"]["mean"]
STD: list[float] = CONFIG["pretrained_cfg"]["std"]

BATCH = 32
LEARNING_RATE = 2e-3
HELD_OUT_SEED_OFFSET = 1_000_000
"""From the seed of the training pictures to that of the pictures which the model is measured on."""

HELD_OUT_SIDE = 2000
"""The longest side of a held-out picture; training pictures are smaller, to be drawn faster."""
