"""Every engine computes what timm computes, for every form of EVA-02 and every weight dtype."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsfw_detector import Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import create_engine
from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from nsfw_detector.engines.torch_engine import TorchEngine
from nsfw_detector.errors import CheckpointError, SettingsError, UnsupportedArchitectureError
from tests.checkpoints import random_tensors, tiny_config, write_checkpoint
from tests.engines.forms import FORMS, checkpoint_of, noise


@pytest.mark.parametrize("form", FORMS)
def test_openvino_equals_timm(tmp_path: Path, form: str) -> None:
    checkpoint = checkpoint_of(tmp_path, form)
    images = noise(checkpoint)
    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
    output = OpenVINOEngine.from_checkpoint(checkpoint, "fp32", threads=1).infer(images)
    assert np.ptp(expected.logits, axis=0).max() > 0.1, "the images must differ to prove anything"
    np.testing.assert_allclose(output.logits, expected.logits, atol=2e-5)
    np.testing.assert_allclose(output.embeddings, expected.embeddings, atol=2e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_other_weight_dtypes(tmp_path: Path, dtype: str) -> None:
    checkpoint = checkpoint_of(tmp_path, "base", dtype)
    images = noise(checkpoint)
    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
    output = OpenVINOEngine.from_checkpoint(checkpoint, "fp32", threads=1).infer(images)
    np.testing.assert_allclose(output.logits, expected.logits, atol=2e-5)


def test_bf16_stays_close(tiny: Path) -> None:
    checkpoint = Checkpoint.load(tiny)
    images = noise(checkpoint)
    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images).logits
    output = OpenVINOEngine.from_checkpoint(checkpoint, "bf16", threads=1).infer(images).logits
    assert 0 < np.abs(output - expected).max() < 0.1


def test_the_batch_does_not_change_an_image_s_output(tiny: Path) -> None:
    checkpoint = Checkpoint.load(tiny)
    engine = OpenVINOEngine.from_checkpoint(checkpoint, "fp32", threads=1)
    images = noise(checkpoint)
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
    assert engine.infer(noise(checkpoint)).logits.shape == (3, 4)


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
