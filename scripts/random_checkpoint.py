"""Write a checkpoint with random weights in exactly the published model's file format.

It stands in where the real weights cannot be had: for capacity planning, benchmarks and tests. What
loads it loads the real one, and it costs the same to run; its answers mean nothing.

Example:
    python -m scripts.random_checkpoint out/random
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import TensorSpec, serialize_file

from nsfw_detector.checkpoint import CheckpointConfig, Eva02Spec

# The published config.json, byte for byte when written with an indent of 2 and a final newline.
FREEPIK_CONFIG: dict[str, Any] = {
    "_name_or_path": "timm/eva02_base_patch14_448.mim_in22k_ft_in22k_in1k",
    "architecture": "eva02_base_patch14_448",
    "architectures": ["TimmWrapperForImageClassification"],
    "do_pooling": True,
    "global_pool": "avg",
    "initializer_range": 0.02,
    "label_names": ["neutral", "low", "medium", "high"],
    "model_type": "timm_wrapper",
    "num_classes": 4,
    "num_features": 768,
    "pretrained_cfg": {
        "classifier": "head",
        "crop_mode": "squash",
        "crop_pct": 1.0,
        "custom_load": False,
        "first_conv": "patch_embed.proj",
        "fixed_input_size": True,
        "input_size": [3, 448, 448],
        "interpolation": "bicubic",
        "license": "mit",
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "pool_size": None,
        "std": [0.26862954, 0.26130258, 0.27577711],
        "tag": "mim_in22k_ft_in22k_in1k",
    },
    "torch_dtype": "bfloat16",
    "transformers_version": "4.48.1",
}


def random_tensors(config: dict[str, Any], seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Random weights whose answers differ clearly from image to image.

    Trained weights keep the residual stream in check; random ones do so when matrices have the
    scale 1/sqrt(fan-in). Norm weights lie around 1, so that an implementation that forgets one
    gives other answers.
    """
    rng = np.random.default_rng(seed)
    spec = Eva02Spec.from_config(CheckpointConfig.model_validate(config))
    tensors = {}
    for name, shape in spec.tensors().items():
        values = rng.standard_normal(shape, dtype=np.float32)
        if "norm" in name:
            values = values * 0.1 + (1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("bias") or len(shape) == 3:
            values = values * 0.1
        else:
            values = values / np.float32(np.sqrt(np.prod(shape[1:])))
        tensors[name] = values
    return tensors


def write_checkpoint(
    folder: Path,
    config: dict[str, Any],
    tensors: dict[str, NDArray[np.float32]] | None = None,
    dtype: str = "bfloat16",
) -> Path:
    """Write config.json and model.safetensors; dtype is bfloat16, float16 or float32."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = random_tensors(config) if tensors is None else tensors
    stored: dict[str, NDArray[Any]] = {}
    for name, values in tensors.items():
        if dtype == "bfloat16":  # round to nearest, ties to even
            bits = values.astype(np.float32).view(np.uint32)
            stored[name] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
        else:
            stored[name] = values.astype(dtype)
    specs = {
        name: TensorSpec(
            dtype=dtype, shape=data.shape, data_ptr=data.ctypes.data, data_len=data.nbytes
        )
        for name, data in stored.items()
    }
    serialize_file(specs, str(folder / "model.safetensors"), metadata={"format": "pt"})
    return folder


def main() -> None:
    """Write the checkpoint and print its folder."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="example: python -m scripts.random_checkpoint out/random",
    )
    parser.add_argument("folder", type=Path)
    config = {**FREEPIK_CONFIG, "model_name": "random-weights"}
    print(write_checkpoint(parser.parse_args().folder, config))


if __name__ == "__main__":
    main()
