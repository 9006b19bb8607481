from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.errors import (
    CheckpointError,
    CheckpointNotFoundError,
    UnsupportedArchitectureError,
)
from tests.checkpoints import (
    FREEPIK_CONFIG,
    FREEPIK_FILE_SIZE,
    random_tensors,
    tiny_config,
    write_checkpoint,
)

Tensors = dict[str, np.ndarray]


def test_the_full_size_checkpoint_has_the_published_format(full_size: Path) -> None:
    assert (full_size / "model.safetensors").stat().st_size == FREEPIK_FILE_SIZE
    checkpoint = Checkpoint.load(full_size)
    assert len(checkpoint.tensors.shapes) == 236
    assert sum(int(np.prod(s)) for s in checkpoint.tensors.shapes.values()) == 86_351_620
    assert checkpoint.config.label_names == ("neutral", "low", "medium", "high")
    assert checkpoint.spec is not None
    assert checkpoint.spec.num_tokens == 1025
    assert round(checkpoint.spec.flops / 1e9, 1) == 213.8
    preprocess = checkpoint.config.preprocess
    assert (preprocess.height, preprocess.width, preprocess.crop_mode) == (448, 448, "squash")


def test_the_digest_is_that_of_the_file(tiny: Path) -> None:
    digest = hashlib.sha256((tiny / "model.safetensors").read_bytes()).hexdigest()
    assert Checkpoint.load(tiny, sha256=digest).sha256 == digest
    with pytest.raises(CheckpointError, match="CHECKPOINT_SHA256"):
        Checkpoint.load(tiny, sha256="0" * 64)


def test_a_folder_one_level_below_is_found(tmp_path: Path, tiny: Path) -> None:
    shutil.copytree(tiny, tmp_path / "weights")
    (tmp_path / "notes").mkdir()
    assert Checkpoint.load(tmp_path).folder == tmp_path / "weights"


def test_several_checkpoints_are_ambiguous(tmp_path: Path, tiny: Path) -> None:
    shutil.copytree(tiny, tmp_path / "one")
    shutil.copytree(tiny, tmp_path / "two")
    with pytest.raises(CheckpointNotFoundError, match=r"several checkpoints \(one, two\)"):
        Checkpoint.load(tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, lambda p: p.write_text(""), lambda p: None])
def test_no_checkpoint_says_where_it_looked(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    folder = tmp_path / "model"
    make(folder)
    with pytest.raises(CheckpointNotFoundError, match=r"AZUREML_MODEL_DIR.*\.amlignore"):
        Checkpoint.load(folder)


def drop(tensors: Tensors) -> None:
    del tensors["blocks.1.attn.k_proj.weight"]


def add(tensors: Tensors) -> None:
    tensors["timm_model.head.weight"] = np.zeros(3, dtype=np.float32)


def reshape(tensors: Tensors) -> None:
    tensors["head.weight"] = tensors["head.weight"][:3]


def poison(tensors: Tensors) -> None:
    tensors["blocks.0.norm1.bias"][7] = np.nan


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (drop, r"missing: blocks\.1\.attn\.k_proj\.weight"),
        (add, r"unexpected: timm_model\.head\.weight"),
        (reshape, r"misshapen: head\.weight is \(3, 48\) instead of \(4, 48\)"),
        (poison, r"not finite numbers in blocks\.0\.norm1\.bias"),
    ],
)
def test_wrong_tensors_are_named(
    tmp_path: Path, damage: Callable[[Tensors], None], told: str
) -> None:
    tensors = random_tensors(tiny_config())
    damage(tensors)
    write_checkpoint(tmp_path, tiny_config(), tensors)
    with pytest.raises(CheckpointError, match=told):
        Checkpoint.load(tmp_path)


def _with(path: str, value: Any) -> dict[str, Any]:
    config = tiny_config()
    *parents, last = path.split(".")
    target = config
    for parent in parents:
        target = target[parent]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return config


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("architecture", None, "architecture: Field required"),
        ("label_names", ["a", "b"], "label_names must be 4 different names"),
        ("label_names", ["a", "b", "b", "c"], "label_names must be 4 different names"),
        ("pretrained_cfg.mean", None, "pretrained_cfg.mean: Field required"),
        ("pretrained_cfg.std", [0.1, 0.0, 0.1], "pretrained_cfg.std.1"),
        ("pretrained_cfg.crop_mode", "stretch", "pretrained_cfg.crop_mode"),
        ("pretrained_cfg.interpolation", "magic", "pretrained_cfg.interpolation"),
        ("pretrained_cfg.input_size", [3, 112, 112], r"\(112, 112\) is not the model's img_size"),
        ("model_args.num_heads", 5, "multiple of 4"),
    ],
)
def test_wrong_configs_name_the_field(tmp_path: Path, path: str, value: Any, told: str) -> None:
    write_checkpoint(tmp_path, tiny_config())
    (tmp_path / "config.json").write_text(json.dumps(_with(path, value)))
    with pytest.raises(CheckpointError, match=told):
        Checkpoint.load(tmp_path)


@pytest.mark.parametrize(
    ("args", "told"), [({"dynamic_img_size": True}, "dynamic_img_size"), ({"depth": "x"}, "depth")]
)
def test_unknown_model_args_are_refused(tmp_path: Path, args: dict[str, Any], told: str) -> None:
    write_checkpoint(tmp_path, tiny_config())
    config = tiny_config()
    config["model_args"] |= args
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsupportedArchitectureError, match=told):
        Checkpoint.load(tmp_path)


def test_a_config_that_is_not_json_is_a_typed_error(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, tiny_config())
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json is not the config"):
        Checkpoint.load(tmp_path)


def test_the_config_in_the_tests_is_the_published_one() -> None:
    text = json.dumps(FREEPIK_CONFIG, indent=2) + "\n"
    assert len(text) == 989
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "39f53e86cc4868e0e11396b523c906f376621f54c1025ffc9ee2ee840542a41b"
    )
