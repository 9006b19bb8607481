"""Every engine computes what timm computes, for every form of EVA-02 and every weight dtype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nsfw_detector import Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import create_engine
from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from nsfw_detector.engines.torch_engine import TorchEngine
from nsfw_detector.errors import CheckpointError, SettingsError, UnsupportedArchitectureError
from tests.checkpoints import random_tensors, tiny_config, write_checkpoint

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


def _checkpoint(folder: Path, form: str, dtype: str = "bfloat16") -> Checkpoint:
    config = FORMS[form]
    size = config["model_args"]["img_size"]
    config["pretrained_cfg"]["input_size"] = [3, *(size if isinstance(size, list) else (size,) * 2)]
    return Checkpoint.load(write_checkpoint(folder, config, dtype=dtype))


def _images(checkpoint: Checkpoint, count: int = 3) -> np.ndarray:
    _, height, width = checkpoint.config.pretrained_cfg.input_size
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    images[-1] //= 4
    return images


@pytest.mark.parametrize("form", FORMS)
def test_openvino_equals_timm(tmp_path: Path, form: str) -> None:
    checkpoint = _checkpoint(tmp_path, form)
    images = _images(checkpoint)
    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
    output = OpenVINOEngine.from_checkpoint(checkpoint, "fp32", threads=1).infer(images)
    assert np.ptp(expected.logits, axis=0).max() > 0.1, "the images must differ to prove anything"
    np.testing.assert_allclose(output.logits, expected.logits, atol=2e-5)
    np.testing.assert_allclose(output.embeddings, expected.embeddings, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_other_weight_dtypes(tmp_path: Path, dtype: str) -> None:
    checkpoint = _checkpoint(tmp_path, "base", dtype)
    images = _images(checkpoint)
    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
    output = OpenVINOEngine.from_checkpoint(checkpoint, "fp32", threads=1).infer(images)
    np.testing.assert_allclose(output.logits, expected.logits, atol=2e-5)


def test_bf16_stays_close(tiny: Path) -> None:
    checkpoint = Checkpoint.load(tiny)
    images = _images(checkpoint)
    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images).logits
    output = OpenVINOEngine.from_checkpoint(checkpoint, "bf16", threads=1).infer(images).logits
    assert 0 < np.abs(output - expected).max() < 0.1


def test_the_batch_does_not_change_an_image_s_output(tiny: Path) -> None:
    checkpoint = Checkpoint.load(tiny)
    engine = OpenVINOEngine.from_checkpoint(checkpoint, "fp32", threads=1)
    images = _images(checkpoint)
    together = engine.infer(images).logits
    alone = np.concatenate([engine.infer(image[None]).logits for image in images])
    np.testing.assert_array_equal(together, alone)


def test_the_settings_choose_engine_and_precision(tiny: Path) -> None:
    checkpoint = Checkpoint.load(tiny)
    assert create_engine(checkpoint, Settings(precision="fp32")).name == "openvino-fp32"
    assert create_engine(checkpoint, Settings(precision="bf16")).name == "openvino-bf16"
    assert create_engine(checkpoint, Settings(engine="torch")).name == "torch-fp32"


def test_another_architecture_runs_through_timm_only(tmp_path: Path) -> None:
    import timm

    config = tiny_config(architecture="vit_tiny_patch16_224", global_pool="token", model_args={})
    config["pretrained_cfg"]["input_size"] = [3, 224, 224]
    model = timm.create_model("vit_tiny_patch16_224", num_classes=4)
    tensors = {name: value.numpy() for name, value in model.state_dict().items()}
    checkpoint = Checkpoint.load(write_checkpoint(tmp_path, config, tensors))
    with pytest.raises(UnsupportedArchitectureError, match="ENGINE=torch"):
        create_engine(checkpoint, Settings())
    engine = create_engine(checkpoint, Settings(engine="torch"))
    assert engine.infer(_images(checkpoint)).logits.shape == (3, 4)


def test_torch_names_what_does_not_fit(tmp_path: Path) -> None:
    config = tiny_config(architecture="vit_tiny_patch16_224", model_args={})
    tensors = random_tensors(tiny_config())
    checkpoint = Checkpoint.load(write_checkpoint(tmp_path, config, tensors))
    with pytest.raises(CheckpointError, match="timm cannot load"):
        TorchEngine(checkpoint, "fp32", threads=1)


def test_torch_without_timm_says_what_to_install(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(SettingsError, match=r"timm is not installed.*environment"):
        TorchEngine(Checkpoint.load(tiny), "fp32", threads=1)
