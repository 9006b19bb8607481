"""Which engine `create_engine` makes on which machine, and what each has to have installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from nsfw_detector import Settings
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import create_engine, cuda_engine, gpu
from nsfw_detector.engines.cuda_engine import CudaEngine
from nsfw_detector.errors import SettingsError
from scripts.paths import ROOT

H200, T4 = (9, 0), (7, 5)


@pytest.fixture(scope="module")
def checkpoint(tiny: Path) -> Checkpoint:
    return Checkpoint.load(tiny)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
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
    machine: Callable[..., None],
    checkpoint: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(driver=False)
    monkeypatch.delattr(torch.cuda, "is_available")
    assert create_engine(checkpoint, Settings()).name.startswith("openvino")


def test_an_unused_gpu_is_said(
    machine: Callable[..., None],
    checkpoint: Checkpoint,
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine(driver=True)
    assert create_engine(checkpoint, Settings()).name.startswith("openvino")
    assert "finds no CUDA device" in caplog.text


def test_cuda_without_a_gpu(machine: Callable[..., None], checkpoint: Checkpoint) -> None:
    machine(driver=False)
    with pytest.raises(SettingsError, match=r"ENGINE=cuda needs.*finds no CUDA device"):
        create_engine(checkpoint, Settings(engine="cuda"))


def test_cuda_without_torch(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(SettingsError, match=r"ENGINE=cuda needs.*torch is not installed"):
        create_engine(checkpoint, Settings(engine="cuda"))


def test_neither_gpu_nor_openvino(
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
    machine: Callable[..., None], checkpoint: Checkpoint, precision: Any
) -> None:
    machine(driver=True, capability=T4)
    with pytest.raises(SettingsError, match=f"PRECISION={precision}: not on this GPU"):
        create_engine(checkpoint, Settings(engine="cuda", precision=precision))


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
