"""timm's model of the checkpoint under the runtimes that one would put it in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch

from benchmarks.photo import open_rgb
from nsfw_detector.threads import usable_cores
from nsfw_detector.torchvision_shim import ensure_importable

Forward: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
"""Normalised images (n, 3, height, width), float32 -> logits (n, classes)."""


class Timm:
    """timm's own transform in front of a forward function."""

    def __init__(self, checkpoint: Path, make_forward: Callable[[Any], Forward]) -> None:
        ensure_importable()
        import timm

        torch.set_num_threads(usable_cores())
        model = timm.create_model(f"local-dir:{checkpoint}", pretrained=True).eval()
        config = timm.data.resolve_model_data_config(model)
        self.transform = timm.data.create_transform(**config)
        with torch.inference_mode():
            self.forward = make_forward(model)

    def __call__(self, path: Path) -> list[float]:
        """Probabilities of an image file in label order."""
        return self.probabilities([self.transform(open_rgb(path))])[0]

    def probabilities(self, pixels: list[torch.Tensor]) -> list[list[float]]:
        """Probabilities of transformed images."""
        with torch.inference_mode():
            logits = self.forward(torch.stack(pixels))
            scores: list[list[float]] = logits.float().softmax(-1).tolist()
        return scores


def eager(model: Any) -> Forward:
    """Torch as it is, in bf16."""
    model.bfloat16()
    return lambda pixels: model(pixels.bfloat16())


def compiled(model: Any) -> Forward:
    """Torch compiled for one image, in bf16, weights frozen into the graph."""
    import torch._inductor.config

    example = _example(model).bfloat16()
    model = torch.compile(model.bfloat16(), dynamic=False)
    with torch._inductor.config.patch(freezing=True):
        model(example)  # it is compiled here
    return lambda pixels: model(pixels.bfloat16())


def onnx_runtime(model: Any) -> Forward:
    """ONNX Runtime, which on CPUs has no bf16. Exports the model first, as a user does once."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(model, (_example(model),), path, dynamo=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = usable_cores()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (name,) = (node.name for node in session.get_inputs())
    return lambda pixels: torch.from_numpy(session.run(None, {name: pixels.numpy()})[0])


def openvino(model: Any) -> Forward:
    """OpenVINO on the graph that it makes of timm's code, in bf16."""
    import openvino as ov

    from nsfw_detector.engines.openvino_engine import CORE

    settings = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": usable_cores()}
    shape = tuple(_example(model).shape)
    graph = ov.convert_model(model, example_input=_example(model), input=[shape])
    request = CORE.compile_model(graph, "CPU", settings).create_infer_request()

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        request.infer([pixels.numpy()])
        return torch.tensor(request.get_output_tensor().data)

    return forward


def _example(model: Any) -> torch.Tensor:
    return torch.zeros(1, *model.pretrained_cfg["input_size"])
