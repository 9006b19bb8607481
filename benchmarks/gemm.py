"""The fastest matrix multiplication seen on this machine: what engines are held against.

``python -m benchmarks.gemm`` prints the rates as JSON, each the best of several repetitions. The
shapes are those of the model's own layers (1,025 tokens, width 768), which both libraries get with
constant weights: torch one multiplication at a time, OpenVINO there and back again in one graph,
so that its inputs and outputs, which it converts, do not count.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from nsfw_detector.engines.cpu import has_fast_bf16
from nsfw_detector.threads import usable_cores
from scripts.paths import ROOT

TOKENS, WIDTH = 1025, 768
OUTPUTS = (768, 2304, 4096)  # attention's projection, fused q/k/v, fused SwiGLU
PAIRS = 6
REPETITIONS = 5
Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of multiplication: by what, in which arithmetic, of which shape, in GFLOP/s."""

    runtime: str
    precision: Precision
    shape: str
    gflops: float


def measure() -> list[Rate]:
    """Measure all rates, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.gemm"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [Rate(**rate) for rate in json.loads(done.stdout)]


def best(rates: Iterable[Rate]) -> list[Rate]:
    """Of what was measured several times the highest rate, the fastest first."""
    ascending = sorted(rates, key=lambda rate: rate.gflops)
    highest = {(rate.precision, rate.runtime, rate.shape): rate for rate in ascending}
    return sorted(highest.values(), key=lambda rate: -rate.gflops)


def measure_here() -> Iterator[Rate]:
    """Measure all rates in this process."""
    precisions: list[Precision] = ["fp32", "bf16"] if has_fast_bf16() else ["fp32"]
    for precision in precisions:
        for outputs in OUTPUTS:
            shape = f"{TOKENS}x{WIDTH}x{outputs}"
            flops = 2 * TOKENS * WIDTH * outputs
            yield Rate("torch", precision, shape, flops / _fastest(_torch(precision, outputs)))
            seconds = _fastest(_openvino(precision, outputs))
            yield Rate("openvino", precision, shape, 2 * PAIRS * flops / seconds)


def _torch(precision: Precision, outputs: int) -> Callable[[], object]:
    import torch

    torch.set_num_threads(usable_cores())
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    x = torch.ones(TOKENS, WIDTH, dtype=dtype)
    weight = torch.ones(outputs, WIDTH, dtype=dtype)
    return lambda: torch.nn.functional.linear(x, weight)


def _openvino(precision: Precision, outputs: int) -> Callable[[], object]:
    import openvino as ov
    from openvino import opset13 as ops

    from nsfw_detector.engines.openvino_engine import CORE

    x = ops.parameter([TOKENS, WIDTH], np.float32)
    there = ops.constant(np.full((outputs, WIDTH), 1 / WIDTH, dtype=np.float32))
    back = ops.constant(np.full((WIDTH, outputs), 1 / outputs, dtype=np.float32))
    node = x
    for _ in range(PAIRS):
        node = ops.matmul(node, there, False, True)
        node = ops.matmul(node, back, False, True)
    settings = {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": usable_cores(),
    }
    model = ov.Model([node], [x])
    request = CORE.compile_model(model, "CPU", settings).create_infer_request()
    values = np.ones((TOKENS, WIDTH), dtype=np.float32)
    return lambda: request.infer([values])


def _fastest(run: Callable[[], object]) -> float:
    """Nanoseconds of the fastest repetition, so that FLOP divided by it are GFLOP/s."""
    run()
    seconds = []
    for _ in range(REPETITIONS):
        started = time.perf_counter_ns()
        run()
        seconds.append(time.perf_counter_ns() - started)
    return min(seconds)


if __name__ == "__main__":
    print(json.dumps([asdict(rate) for rate in measure_here()]))
