"""The GPU engine computes what timm computes. Without a GPU it is held to that on the CPU, where
it runs the same module on the same buckets, eagerly and without graphs.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nsfw_detector import Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import create_engine, cuda_engine, cuda_graphs, gpu
from nsfw_detector.engines.cuda_engine import BUCKETS, DTYPES, CudaEngine, Precision
from nsfw_detector.engines.eva02_module import Eva02
from nsfw_detector.engines.torch_engine import TorchEngine
from nsfw_detector.errors import SettingsError, UnsupportedArchitectureError
from nsfw_detector.pipeline.batcher import Batcher
from nsfw_detector.pipeline.cost_model import CostModel
from nsfw_detector.telemetry import Telemetry
from scripts.paths import ROOT
from tests.checkpoints import random_tensors, tiny_config, write_checkpoint
from tests.engines.forms import FORMS, checkpoint_of, noise

H200, T4 = (9, 0), (7, 5)


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


class TestChoice:
    """Which engine `create_engine` makes, on machines that are pretended."""

    @pytest.fixture
    def machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Pretend a driver, and a GPU of some compute capability that torch can use."""

        def pretend(*, driver: bool, capability: tuple[int, int] | None = None) -> None:
            monkeypatch.setattr(gpu, "NVIDIA_FILES", (tmp_path,) if driver else ())
            monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
            monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
            on_cpu = partial(CudaEngine, device="cpu")
            monkeypatch.setattr(cuda_engine, "CudaEngine", on_cpu)

        return pretend

    @pytest.mark.parametrize(
        ("capability", "precision", "name"),
        [
            (H200, "auto", "cpu-bf16"),
            (H200, "fp16", "cpu-fp16"),
            (T4, "auto", "cpu-fp16"),
            (T4, "fp32", "cpu-fp32"),
        ],
    )
    def test_a_gpu_is_taken(
        self,
        machine: Callable[..., None],
        checkpoint: Checkpoint,
        capability: tuple[int, int],
        precision: Any,
        name: str,
    ) -> None:
        machine(driver=True, capability=capability)
        for engine in ("auto", "cuda"):
            settings = Settings(engine=engine, precision=precision)
            assert create_engine(checkpoint, settings).name == name

    def test_without_a_driver_torch_is_not_asked(
        self,
        machine: Callable[..., None],
        checkpoint: Checkpoint,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        machine(driver=False)
        monkeypatch.delattr(torch.cuda, "is_available")
        assert create_engine(checkpoint, Settings()).name.startswith("openvino")

    def test_an_unused_gpu_is_said(
        self,
        machine: Callable[..., None],
        checkpoint: Checkpoint,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        machine(driver=True)
        assert create_engine(checkpoint, Settings()).name.startswith("openvino")
        assert "finds no CUDA device" in caplog.text

    def test_cuda_without_a_gpu(self, machine: Callable[..., None], checkpoint: Checkpoint) -> None:
        machine(driver=False)
        with pytest.raises(SettingsError, match=r"ENGINE=cuda needs.*finds no CUDA device"):
            create_engine(checkpoint, Settings(engine="cuda"))

    def test_cuda_without_torch(
        self, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(SettingsError, match=r"ENGINE=cuda needs.*torch is not installed"):
            create_engine(checkpoint, Settings(engine="cuda"))

    def test_neither_gpu_nor_openvino(
        self,
        machine: Callable[..., None],
        checkpoint: Checkpoint,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        machine(driver=False)
        monkeypatch.delitem(sys.modules, "nsfw_detector.engines.openvino_engine", raising=False)
        monkeypatch.setitem(sys.modules, "openvino", None)
        with pytest.raises(SettingsError, match="openvino is not installed"):
            create_engine(checkpoint, Settings())

    @pytest.mark.parametrize(
        ("engine", "precision", "message"),
        [
            ("openvino", "fp16", "PRECISION=fp16 needs a GPU"),
            ("auto", "fp16", "PRECISION=fp16 needs a GPU"),
            ("torch", "fp16", "PRECISION=fp16: ENGINE=torch has"),
            ("torch", "int8", "PRECISION=int8: ENGINE=torch has"),
        ],
    )
    def test_precisions_that_an_engine_has_not(
        self,
        machine: Callable[..., None],
        checkpoint: Checkpoint,
        engine: Any,
        precision: Any,
        message: str,
    ) -> None:
        machine(driver=False)
        with pytest.raises(SettingsError, match=message):
            create_engine(checkpoint, Settings(engine=engine, precision=precision))

    @pytest.mark.parametrize("precision", ["bf16", "int8"])
    def test_precisions_that_a_gpu_has_not(
        self, machine: Callable[..., None], checkpoint: Checkpoint, precision: Any
    ) -> None:
        machine(driver=True, capability=T4)
        with pytest.raises(SettingsError, match=f"PRECISION={precision}: not on this GPU"):
            create_engine(checkpoint, Settings(engine="cuda", precision=precision))

    def test_another_architecture(self, tmp_path: Path) -> None:
        config = tiny_config(architecture="vit_tiny_patch16_224", model_args={})
        tensors = random_tensors(tiny_config())
        checkpoint = Checkpoint.load(write_checkpoint(tmp_path, config, tensors))
        with pytest.raises(UnsupportedArchitectureError, match="ENGINE=torch"):
            CudaEngine(checkpoint, "fp32", "cpu")


def _run(code: str, model: Path, without: tuple[str, ...]) -> None:
    """Run code in a new process from which packages are missing."""
    blocked = f"import sys\nfor name in {without!r}: sys.modules[name] = None\n"
    command = [sys.executable, "-c", blocked + code, str(model)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_gpu_image_needs_neither_openvino_nor_timm(tiny: Path) -> None:
    code = """
import numpy as np
from pathlib import Path
from nsfw_detector import Detection, Detector, Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cuda_engine import CudaEngine
import benchmarks.gpu, benchmarks.gpu_worker
checkpoint = Checkpoint.load(Path(sys.argv[1]))
detector = Detector(checkpoint, CudaEngine(checkpoint, "bf16", "cpu"), Settings())
(result,) = detector.detect([np.zeros((9, 9, 3), dtype=np.uint8)])
assert isinstance(result, Detection), result
"""
    _run(code, tiny, without=("openvino", "timm", "torchvision"))


def test_a_cpu_process_does_not_import_torch(tiny: Path) -> None:
    code = """
from nsfw_detector import Detector, Settings
from nsfw_detector.engines import gpu
gpu.NVIDIA_FILES = ()
Detector.load(sys.argv[1], Settings())
assert "torch" not in sys.modules
"""
    _run(code, tiny, without=())


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
