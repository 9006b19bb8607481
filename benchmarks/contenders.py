"""What is compared: each contender loads a checkpoint and turns an image file into probabilities.

Each runs in a process of its own (see `worker`), so that neither its threads nor its memory
disturb another's, and imports what it needs only there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

from nsfw_detector.engines.cpu import has_fast_bf16

Classify: TypeAlias = Callable[[Path], list[float]]
"""An image file -> probabilities in label order."""
Precision: TypeAlias = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to run the model.

    Attributes:
        load: Makes it from a checkpoint.
        precision: Its arithmetic.
        needs: Modules that must be installed.
        long_only: Takes so long to start that the short form leaves it out.
    """

    load: Callable[[Path], Classify]
    precision: Precision
    needs: tuple[str, ...] = ()
    long_only: bool = False

    def why_not(self, long: bool) -> str:
        """Why it is not measured here; empty if it is."""
        missing = [name for name in self.needs if find_spec(name) is None]
        if missing:
            return f"not installed: {', '.join(missing)}"
        if self.precision == "bf16" and not has_fast_bf16():
            return "not measured: no fast bf16 on this CPU"
        if self.long_only and not long:
            return "long form only"
        return ""


def _ours(precision: Precision) -> Contender:
    def load(checkpoint: Path) -> Classify:
        from benchmarks.ours import Ours

        return Ours(checkpoint, precision)

    return Contender(load, precision)


def _forward_pass(precision: Precision) -> Contender:
    def load(checkpoint: Path) -> Classify:
        from benchmarks.ours import ForwardPass

        return ForwardPass(checkpoint, precision)

    return Contender(load, precision)


def _pipeline(precision: Precision, dtype: str) -> Contender:
    def load(checkpoint: Path) -> Classify:
        from benchmarks.hugging_face import Pipeline

        return Pipeline(checkpoint, dtype)

    return Contender(load, precision, ("torch", "transformers", "timm"))


def _official_package() -> Contender:
    def load(checkpoint: Path) -> Classify:
        from benchmarks.hugging_face import OfficialPackage

        return OfficialPackage(checkpoint)

    return Contender(load, "bf16", ("nsfw_image_detector", "torch", "transformers", "timm"))


def _timm(runtime: str, precision: Precision, *needs: str, long_only: bool = False) -> Contender:
    def load(checkpoint: Path) -> Classify:
        from benchmarks import timm_runtimes

        return timm_runtimes.Timm(checkpoint, getattr(timm_runtimes, runtime))

    return Contender(load, precision, ("torch", "timm", *needs), long_only)


PIPELINE = "transformers pipeline bf16 (its default)"
PIPELINE_FP32 = "transformers pipeline fp32"
CONTENDERS: dict[str, Contender] = {
    "ours int8": _ours("int8"),
    "ours bf16": _ours("bf16"),
    "ours bf16, forward pass alone": _forward_pass("bf16"),
    "ours fp32": _ours("fp32"),
    "ours fp32, forward pass alone": _forward_pass("fp32"),
    PIPELINE: _pipeline("bf16", "auto"),
    PIPELINE_FP32: _pipeline("fp32", "float32"),
    "nsfw-image-detector bf16 (its default)": _official_package(),
    "timm bf16": _timm("eager", "bf16"),
    "timm bf16, torch.compile": _timm("compiled", "bf16", long_only=True),
    "timm bf16 in OpenVINO": _timm("openvino", "bf16", "openvino"),
    "timm fp32 in ONNX Runtime": _timm("onnx_runtime", "fp32", "onnxruntime", "onnxscript"),
}
