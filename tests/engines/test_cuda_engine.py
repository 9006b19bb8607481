"""The GPU engine computes what timm computes. Without a GPU it is held to that on the CPU, where
it runs the same module on the same buckets, eagerly and without graphs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import cuda_graphs
from nsfw_detector.engines.cuda_engine import BUCKETS, DTYPES, CudaEngine, Precision
from nsfw_detector.engines.eva02_module import Eva02
from nsfw_detector.engines.torch_engine import TorchEngine
from nsfw_detector.errors import UnsupportedArchitectureError
from nsfw_detector.pipeline.batcher import Batcher
from nsfw_detector.pipeline.cost_model import CostModel
from nsfw_detector.telemetry import Telemetry
from tests.checkpoints import random_tensors, tiny_config, write_checkpoint
from tests.engines.forms import FORMS, checkpoint_of, noise


def _module(checkpoint: Checkpoint, precision: Precision = "fp32") -> Eva02:
    assert checkpoint.spec is not None
    preprocess = checkpoint.config.preprocess
    return Eva02(checkpoint.spec, checkpoint.tensors, preprocess, DTYPES[precision])


@pytest.fixture(scope="module")
def checkpoint(tiny: Path) -> Checkpoint:
    return Checkpoint.load(tiny)


@pytest.fixture(scope="module")
def engine(checkpoint: Checkpoint) -> CudaEngine:
    return CudaEngine(checkpoint, "fp32", "cpu")


class TestEquality:
    @pytest.mark.parametrize("form", FORMS)
    def test_with_timm(self, tmp_path: Path, form: str) -> None:
        checkpoint = checkpoint_of(tmp_path, form)
        images = noise(checkpoint)
        expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
        output = CudaEngine(checkpoint, "fp32", "cpu").infer(images)
        assert np.ptp(expected.logits, axis=0).max() > 0.1, "the images must differ"
        np.testing.assert_allclose(output.logits, expected.logits, atol=2e-5)
        np.testing.assert_allclose(output.embeddings, expected.embeddings, atol=2e-5)

    def test_where_the_last_pixels_fill_no_patch(self, tmp_path: Path) -> None:
        config = tiny_config(
            model_args={"img_size": [60, 65], "embed_dim": 48, "depth": 1, "num_heads": 3}
        )
        config["pretrained_cfg"]["input_size"] = [3, 60, 65]
        checkpoint = Checkpoint.load(write_checkpoint(tmp_path, config))
        images = noise(checkpoint)
        expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
        output = CudaEngine(checkpoint, "fp32", "cpu").infer(images)
        np.testing.assert_allclose(output.logits, expected.logits, atol=2e-5)

    @pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 0.03), ("fp16", 0.004)])
    def test_16_bits_stay_close(
        self, checkpoint: Checkpoint, precision: Precision, tolerance: float
    ) -> None:
        images = noise(checkpoint)
        expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
        output = CudaEngine(checkpoint, precision, "cpu").infer(images)
        assert output.logits.dtype == output.embeddings.dtype == np.float32
        assert 0 < np.abs(output.logits - expected.logits).max() < tolerance


class TestBatches:
    @pytest.mark.parametrize("count", [*range(1, 10), 31, 32, 33, 70])
    def test_output_i_belongs_to_input_i(
        self, engine: CudaEngine, checkpoint: Checkpoint, count: int
    ) -> None:
        images = noise(checkpoint, count)
        alone = np.concatenate([engine.infer(image[None]).logits for image in images])
        order = np.random.default_rng(count).permutation(count)
        together = engine.infer(images[order])
        assert len(together.embeddings) == count
        np.testing.assert_allclose(together.logits, alone[order], atol=2e-5)

    def test_what_fills_up_a_bucket_changes_nothing(
        self, engine: CudaEngine, checkpoint: Checkpoint
    ) -> None:
        images, others = noise(checkpoint, 5), noise(checkpoint, 32)[::-1].copy()
        engine.infer(np.full_like(others, 255))
        first = engine.infer(images)
        engine.infer(others)
        second = engine.infer(images)
        np.testing.assert_array_equal(first.logits, second.logits)
        np.testing.assert_array_equal(first.embeddings, second.embeddings)

    def test_results_outlive_the_next_batch(
        self, engine: CudaEngine, checkpoint: Checkpoint
    ) -> None:
        first = engine.infer(noise(checkpoint, 2))
        before = first.logits.copy()
        engine.infer(noise(checkpoint, 2)[::-1].copy())
        np.testing.assert_array_equal(first.logits, before)

    def test_from_the_batcher_s_thread(self, engine: CudaEngine, checkpoint: Checkpoint) -> None:
        images = noise(checkpoint, 50)
        expected = engine.infer(images).logits
        batcher = Batcher(engine.infer, engine.max_batch_size, CostModel(), Telemetry())
        futures = [batcher.submit(image) for image in images]
        for future, logits in zip(futures, expected, strict=True):
            np.testing.assert_allclose(future.result().logits, logits, atol=2e-5)
        batcher.close()


def test_the_token_mean_is_beyond_fp16(tmp_path: Path) -> None:
    """1,024 tokens of 250 add up to 256,000; fp16 ends at 65,504."""
    config = tiny_config(model_args={"img_size": 448, "embed_dim": 48, "depth": 1, "num_heads": 3})
    config["pretrained_cfg"]["input_size"] = [3, 448, 448]
    tensors = random_tensors(config)
    tensors["pos_embed"] += np.tile(np.array([250, -250], dtype=np.float32), 24)
    checkpoint = Checkpoint.load(write_checkpoint(tmp_path, config, tensors, dtype="float16"))
    images = noise(checkpoint, 1)

    module = _module(checkpoint, "fp16")
    with torch.inference_mode():
        tokens = module.patch_embed(torch.from_numpy(images))
        tokens = module.blocks[0](tokens, module.cos, module.sin)
        assert tokens.isfinite().all()
        assert tokens[:, 1:].sum(1).isinf().any()

    expected = TorchEngine(checkpoint, "fp32", threads=1).infer(images)
    output = CudaEngine(checkpoint, "fp16", "cpu").infer(images)
    np.testing.assert_allclose(output.embeddings, expected.embeddings, atol=0.01)
    np.testing.assert_allclose(output.logits, expected.logits, atol=0.01)


class TestCompilation:
    @pytest.fixture(autouse=True)
    def _fresh(self) -> None:
        torch.compiler.reset()

    @pytest.mark.parametrize("precision", DTYPES)
    def test_one_whole_graph_per_batch_size(
        self, checkpoint: Checkpoint, precision: Precision
    ) -> None:
        graphs = []

        def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
            graphs.append(graph)
            return graph.forward

        module = _module(checkpoint, precision)
        compiled = torch.compile(module, fullgraph=True, dynamic=False, backend=backend)
        with torch.inference_mode():
            for count in (4, 2, 1, 4, 2):
                images = torch.from_numpy(noise(checkpoint, count))
                torch.testing.assert_close(compiled(images), module(images), rtol=0, atol=0)
        assert len(graphs) == 3

    def test_every_bucket_is_traced_alike(
        self, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
        module = _module(checkpoint)
        buffer = torch.from_numpy(noise(checkpoint, BUCKETS[-1]))
        with torch.inference_mode():
            compiled = cuda_graphs.compiled(lambda images: module(images)[0], buffer)
            for size in BUCKETS:
                expected = module(buffer[:size])[0]
                torch.testing.assert_close(compiled(buffer[:size]), expected, rtol=0, atol=2e-5)

    def test_without_a_compiler_it_runs_eagerly_and_says_so(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
            raise RuntimeError("Failed to find C compiler")

        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))

        def forward(images: torch.Tensor) -> torch.Tensor:
            return images + 1

        assert cuda_graphs.compiled(forward, torch.zeros(1)) is forward
        assert "Failed to find C compiler" in caplog.text
        assert "gcc" in caplog.text


def test_another_architecture(tmp_path: Path) -> None:
    config = tiny_config(architecture="vit_tiny_patch16_224", model_args={})
    tensors = random_tensors(tiny_config())
    checkpoint = Checkpoint.load(write_checkpoint(tmp_path, config, tensors))
    with pytest.raises(UnsupportedArchitectureError, match="ENGINE=torch"):
        CudaEngine(checkpoint, "fp32", "cpu")


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA GPU: graphs and copies are not tested here"
)
class TestOnTheGpu:
    @pytest.mark.parametrize(
        ("precision", "tolerance"), [("fp32", 1e-3), ("fp16", 0.01), ("bf16", 0.05)]
    )
    def test_graphs_compute_what_the_module_computes(
        self,
        checkpoint: Checkpoint,
        precision: Precision,
        tolerance: float,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.INFO)
        images = noise(checkpoint, 70)
        expected = CudaEngine(checkpoint, "fp32", "cpu").infer(images)
        engine = CudaEngine(checkpoint, precision)
        assert "torch.compile does not work" not in caplog.text
        assert "6 of 6" in caplog.text
        batcher = Batcher(engine.infer, engine.max_batch_size, CostModel(), Telemetry())
        for count in (70, 1, 3, 8, 33):
            output = engine.infer(images[:count])
            np.testing.assert_allclose(output.logits, expected.logits[:count], atol=tolerance)
        futures = [batcher.submit(image) for image in images]
        for future, logits in zip(futures, expected.logits, strict=True):
            np.testing.assert_allclose(future.result().logits, logits, atol=tolerance)
        batcher.close()

    def test_without_a_compiler(
        self, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="missing"))
        images = noise(checkpoint, 3)
        expected = CudaEngine(checkpoint, "fp32", "cpu").infer(images)
        output = CudaEngine(checkpoint, "fp32").infer(images)
        np.testing.assert_allclose(output.logits, expected.logits, atol=1e-3)
