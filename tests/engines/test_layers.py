"""Embeddings and layers are what timm itself gives: `forward_head`, `forward_intermediates`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nsfw_detector import Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import Engine, EngineOutput, create_engine
from nsfw_detector.engines.cpu import instruction_set
from nsfw_detector.engines.cuda_engine import CudaEngine
from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from nsfw_detector.engines.openvino_graph import GraphBuilder
from nsfw_detector.engines.optimised import FOLDER, MANIFEST, Manifest
from nsfw_detector.engines.torch_engine import TorchEngine
from nsfw_detector.errors import SettingsError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.torchvision_shim import ensure_importable
from nsfw_detector.transform import Transform
from tests.checkpoints import random_tensors, tiny_config, write_checkpoint
from tests.engines.forms import FORMS, checkpoint_of, noise

FULL_SIZE_LAYERS = (3, 7, 11)

ENGINES: dict[str, Callable[[Checkpoint, Sequence[int]], Engine]] = {
    "openvino": lambda checkpoint, layers: OpenVINOEngine.from_checkpoint(
        checkpoint, "fp32", 1, layers
    ),
    "cuda": lambda checkpoint, layers: CudaEngine(checkpoint, "fp32", "cpu", layers),
    "torch": lambda checkpoint, layers: TorchEngine(checkpoint, "fp32", 1, layers),
}


def timm_model(checkpoint: Checkpoint) -> Any:
    ensure_importable()
    import timm

    return timm.create_model(f"local-dir:{checkpoint.folder}", pretrained=True).eval()


@torch.inference_mode()
def timm_output(
    checkpoint: Checkpoint, images: np.ndarray, layers: Sequence[int], norm: bool = False
) -> EngineOutput:
    """The oracle, written with timm's own functions."""
    model, preprocess = timm_model(checkpoint), checkpoint.config.preprocess
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (preprocess.mean, preprocess.std))
    pixels = (pixels - mean) / std
    embeddings = model.forward_head(model.forward_features(pixels), pre_logits=True)
    tokens = model.forward_intermediates(
        pixels, indices=list(layers), norm=norm, output_fmt="NLC", intermediates_only=True
    )
    assert tokens[0].shape[1] == model.patch_embed.num_patches
    return EngineOutput(
        model(pixels).numpy(), embeddings.numpy(), tuple(t.mean(1).numpy() for t in tokens)
    )


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest cosine distance of two rows."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float((1 - (a * b).sum(1) / lengths).max())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", FORMS)
def test_fp32_equals_timm(tmp_path: Path, form: str, engine: str) -> None:
    checkpoint = checkpoint_of(tmp_path, form)
    assert checkpoint.spec is not None
    layers = tuple(range(checkpoint.spec.depth))
    images = noise(checkpoint)
    expected = timm_output(checkpoint, images, layers)
    output = ENGINES[engine](checkpoint, layers).infer(images)
    np.testing.assert_allclose(output.embeddings, expected.embeddings, atol=2e-5)
    assert len(output.layers) == len(layers)
    for ours, theirs in zip(output.layers, expected.layers, strict=True):
        assert ours.dtype == np.float32
        assert np.ptp(theirs, axis=0).max() > 0.1, "the images must differ to prove anything"
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_some_of_the_layers(tmp_path: Path, engine: str) -> None:
    checkpoint = checkpoint_of(tmp_path, "deep-wide")
    images = noise(checkpoint)
    expected = timm_output(checkpoint, images, (1, 3))
    output = ENGINES[engine](checkpoint, (1, 3)).infer(images)
    for ours, theirs in zip(output.layers, expected.layers, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    assert np.abs(output.layers[0] - output.layers[1]).max() > 0.1


def test_this_family_has_no_norm_that_timm_could_apply_to_layers(tmp_path: Path) -> None:
    """Its last norm comes behind the pooling, so `norm` of `forward_intermediates` does nothing."""
    checkpoint = checkpoint_of(tmp_path, "base")
    images = noise(checkpoint)
    plain = timm_output(checkpoint, images, (0, 1))
    normed = timm_output(checkpoint, images, (0, 1), norm=True)
    np.testing.assert_array_equal(plain.layers, normed.layers)


@pytest.fixture(scope="module")
def full_size_pair(full_size: Path, photos: list[Path]) -> tuple[np.ndarray, EngineOutput]:
    """Two photographs as model inputs, and what timm gives for them."""
    checkpoint = Checkpoint.load(full_size)
    transform = Transform(checkpoint.config.preprocess)
    limits = ImageLimits(max_bytes=2**30, max_pixels=2**27, max_frames=1)
    frames = [decode(path.read_bytes(), limits, None).frames[0] for path in photos[:2]]
    images = np.stack([transform(frame.image) for frame in frames])
    return images, timm_output(checkpoint, images, FULL_SIZE_LAYERS)


def test_full_size_fp32(full_size: Path, full_size_pair: tuple[np.ndarray, EngineOutput]) -> None:
    images, expected = full_size_pair
    checkpoint = Checkpoint.load(full_size)
    for make in (ENGINES["openvino"], ENGINES["cuda"]):
        output = make(checkpoint, FULL_SIZE_LAYERS).infer(images)
        np.testing.assert_allclose(output.embeddings, expected.embeddings, atol=2e-5)
        for ours, theirs in zip(output.layers, expected.layers, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 1e-5), ("int8", 2e-3)])
def test_full_size_drift_is_within_what_the_documentation_says(
    full_size: Path,
    full_size_pair: tuple[np.ndarray, EngineOutput],
    precision: Any,
    bound: float,
) -> None:
    images, expected = full_size_pair
    checkpoint = Checkpoint.load(full_size)
    engine = OpenVINOEngine.from_checkpoint(checkpoint, precision, 2, FULL_SIZE_LAYERS)
    output = engine.infer(images)
    assert 1e-9 < distance(output.embeddings, expected.embeddings) < bound
    for ours, theirs in zip(output.layers, expected.layers, strict=True):
        assert 1e-9 < distance(ours, theirs) < bound


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_16_bits_of_the_module(tiny: Path, precision: Any) -> None:
    checkpoint = Checkpoint.load(tiny)
    images = noise(checkpoint, 40)  # more than one batch
    expected = timm_output(checkpoint, images, (0, 1))
    output = CudaEngine(checkpoint, precision, "cpu", (0, 1)).infer(images)
    for ours, theirs in zip(output.layers, expected.layers, strict=True):
        assert ours.dtype == np.float32
        assert distance(ours, theirs) < 1e-4


class TestCost:
    """Layers cost their pooling, and nothing where there are none."""

    @staticmethod
    def _operations(checkpoint: Checkpoint, layers: Sequence[int]) -> Counter[str]:
        assert checkpoint.spec is not None
        builder = GraphBuilder(
            checkpoint.spec, checkpoint.tensors, checkpoint.config.preprocess, layers=layers
        )
        return Counter(op.get_type_name() for op in builder.build().get_ordered_ops())

    def test_of_the_graph(self, tiny: Path) -> None:
        checkpoint = Checkpoint.load(tiny)
        without, one = (self._operations(checkpoint, layers) for layers in ((), (0,)))
        assert (without["Slice"], without["ReduceMean"], without["Result"]) == (1, 1, 2)
        more = one - without
        del more["Constant"]
        assert more == {"Slice": 1, "ReduceMean": 1, "Result": 1}

    @pytest.mark.parametrize("engine", ENGINES)
    def test_the_rest_stays_as_it_is(self, tiny: Path, engine: str) -> None:
        checkpoint = Checkpoint.load(tiny)
        images = noise(checkpoint)
        without, both = (ENGINES[engine](checkpoint, ls).infer(images) for ls in ((), (0, 1)))
        assert without.layers == ()
        np.testing.assert_array_equal(both.logits, without.logits)
        np.testing.assert_array_equal(both.embeddings, without.embeddings)


class TestSetting:
    @pytest.mark.parametrize("engine", ["openvino", "torch"])
    def test_is_taken(self, tiny: Path, engine: Any) -> None:
        checkpoint = Checkpoint.load(tiny)
        settings = Settings(engine=engine, precision="fp32", embedding_layers=(1,))
        output = create_engine(checkpoint, settings).infer(noise(checkpoint))
        (layer,) = output.layers
        assert layer.shape == output.embeddings.shape

    def test_a_block_that_is_not_there(self, tiny: Path) -> None:
        with pytest.raises(SettingsError, match=r"EMBEDDING_LAYERS: .* blocks 0 to 1, .* 2\."):
            create_engine(Checkpoint.load(tiny), Settings(embedding_layers=(1, 2)))

    def test_another_architecture(self, tmp_path: Path) -> None:
        config = tiny_config(architecture="vit_tiny_patch16_224", model_args={})
        checkpoint = Checkpoint.load(
            write_checkpoint(tmp_path, config, random_tensors(tiny_config()))
        )
        with pytest.raises(SettingsError, match="EMBEDDING_LAYERS is for EVA-02, not vit_tiny"):
            create_engine(checkpoint, Settings(engine="torch", embedding_layers=(0,)))

    def test_a_graph_of_its_own_has_none(self, tmp_path: Path) -> None:
        import openvino

        checkpoint = Checkpoint.load(write_checkpoint(tmp_path, tiny_config()))
        manifest = Manifest(
            checkpoint_sha256=checkpoint.sha256,
            openvino=openvino.get_version(),
            instruction_set=instruction_set(),
            engine="int8-static",
            images=300,
            speedup=2.0,
            largest_drift=0.01,
            decision_changes=0,
            decision_changes_bound=0.01,
        )
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / MANIFEST).write_text(manifest.model_dump_json())
        settings = Settings(embedding_layers=(0,))
        with pytest.raises(SettingsError, match=r"int8-static.*Set PRECISION=\w+, or unset it"):
            create_engine(checkpoint, settings)
        precise = Settings(embedding_layers=(0,), precision="fp32")
        assert create_engine(checkpoint, precise).name == "openvino-fp32"
