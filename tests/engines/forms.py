"""Every form of EVA-02, tiny, for all engines' tests. Imports no engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nsfw_detector.checkpoint import Checkpoint
from tests.checkpoints import tiny_config, write_checkpoint

FORMS: dict[str, dict[str, Any]] = {
    "base": tiny_config(),
    "deep-wide": tiny_config(
        model_args={"img_size": 70, "embed_dim": 96, "depth": 5, "num_heads": 4}
    ),
    "patch-8": tiny_config(
        model_args={
            "img_size": 64,
            "patch_size": 8,
            "embed_dim": 48,
            "depth": 2,
            "num_heads": 2,
            "ref_feat_shape": [4, 4],
        }
    ),
    "not-square": tiny_config(
        model_args={"img_size": [56, 84], "embed_dim": 48, "depth": 2, "num_heads": 3}
    ),
    "fused-qkv": tiny_config(
        architecture="eva02_tiny_patch14_224", model_args={"img_size": 56, "depth": 2}
    ),
    "large": tiny_config(
        architecture="eva02_large_patch14_448",
        model_args={"img_size": 56, "embed_dim": 80, "depth": 2, "num_heads": 4},
    ),
    "two-labels": tiny_config(num_classes=2, label_names=["safe", "unsafe"]),
}


def checkpoint_of(folder: Path, form: str, dtype: str = "bfloat16") -> Checkpoint:
    config = FORMS[form]
    size = config["model_args"]["img_size"]
    config["pretrained_cfg"]["input_size"] = [3, *(size if isinstance(size, list) else (size,) * 2)]
    return Checkpoint.load(write_checkpoint(folder, config, dtype=dtype))


def noise(checkpoint: Checkpoint, count: int = 3) -> np.ndarray:
    _, height, width = checkpoint.config.pretrained_cfg.input_size
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    images[-1] //= 4
    return images
