"""Checkpoints for tests: of the published size, or tiny."""

from __future__ import annotations

import json
from typing import Any

from scripts.random_checkpoint import FREEPIK_CONFIG, random_tensors, write_checkpoint

__all__ = [
    "FREEPIK_CONFIG",
    "FREEPIK_FILE_SIZE",
    "random_tensors",
    "tiny_config",
    "write_checkpoint",
]

FREEPIK_FILE_SIZE = 172_725_672


def tiny_config(**overrides: Any) -> dict[str, Any]:
    """A config of a few thousand weights; overrides replace top-level keys."""
    config = json.loads(json.dumps(FREEPIK_CONFIG))
    config["model_args"] = {"img_size": 56, "embed_dim": 48, "depth": 2, "num_heads": 3}
    config["num_features"] = 48
    config["pretrained_cfg"]["input_size"] = [3, 56, 56]
    return {**config, **overrides}
