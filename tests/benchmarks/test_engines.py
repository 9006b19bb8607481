"""The table of the engines, and the rates that they are held against."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks import engines, gemm
from benchmarks.contenders import PIPELINE, PIPELINE_FP32
from benchmarks.forms import Form
from benchmarks.gemm import Rate
from benchmarks.worker import Worker, WorkerError
from nsfw_detector.engines.cpu import has_fast_bf16

COMPILED = "timm bf16, torch.compile"
BROKEN = "ours int8"
NAMES = ("ours fp32", "ours fp32, forward pass alone", BROKEN, PIPELINE, PIPELINE_FP32, COMPILED)
RATES = [
    Rate("torch", "fp32", "1x2x3", 100.0),
    Rate("torch", "fp32", "1x2x3", 150.0),
    Rate("openvino", "fp32", "1x2x3", 120.0),
    Rate("openvino", "bf16", "1x2x3", 300.0),
]


def test_the_table(
    small: Path, pictures: list[Path], form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(name: str, checkpoint: Path, first: Path) -> Worker:
        if name == BROKEN:
            raise WorkerError("out of luck")
        return Worker(name, checkpoint, first)

    monkeypatch.setattr(engines, "Worker", start)
    monkeypatch.setattr(gemm, "measure", lambda: list(RATES))
    tables = engines.measure(small, pictures, form, NAMES)
    assert [row["gflops"] for row in tables["gemm"]] == [300.0, 150.0, 120.0]
    rows = {row["contender"]: row for row in tables["engines"]}
    assert tuple(rows) == NAMES, "nobody is dropped"
    assert all(tuple(row) == engines.COLUMNS for row in rows.values())
    assert rows[BROKEN]["note"] == "failed: out of luck"
    assert rows[COMPILED]["note"]
    measured = ["ours fp32", "ours fp32, forward pass alone", PIPELINE_FP32]
    measured += [PIPELINE] if has_fast_bf16() else []
    for name in measured:
        values = [rows[name][column] for column in engines.COLUMNS[1:-1]]
        assert all(isinstance(value, int | float) and math.isfinite(value) for value in values)
    reference = PIPELINE if has_fast_bf16() else PIPELINE_FP32
    assert rows[reference]["times_pipeline"] == 1.0
    assert rows[PIPELINE_FP32]["drift"] == 0.0
    assert float(rows["ours fp32"]["drift"] or 0) < 1e-4


def test_the_rates_are_those_of_both_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemm, "TOKENS", 8)
    monkeypatch.setattr(gemm, "WIDTH", 32)
    monkeypatch.setattr(gemm, "OUTPUTS", (32, 64))
    rates = list(gemm.measure_here())
    precisions = {"fp32", "bf16"} if has_fast_bf16() else {"fp32"}
    assert {(rate.runtime, rate.precision) for rate in rates} == {
        (runtime, precision) for runtime in ("torch", "openvino") for precision in precisions
    }
    assert {rate.shape for rate in rates} == {"8x32x32", "8x32x64"}
    assert all(rate.gflops > 0 and math.isfinite(rate.gflops) for rate in rates)
