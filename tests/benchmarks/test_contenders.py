"""Every contender computes the same function of an image file."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import contenders
from benchmarks.contenders import CONTENDERS, PIPELINE_FP32, Classify
from benchmarks.worker import Worker, WorkerError

TOLERANCE = {"fp32": 1e-4, "bf16": 0.02, "int8": 0.05}


@pytest.fixture(scope="module")
def expected(small: Path) -> Classify:
    return CONTENDERS[PIPELINE_FP32].load(small)


@pytest.mark.parametrize("name", CONTENDERS)
def test_the_answer_is_that_of_the_pipeline(
    name: str, small: Path, pictures: list[Path], expected: Classify
) -> None:
    contender = CONTENDERS[name]
    if reason := contender.why_not(long=True):
        pytest.skip(reason)
    classify = contender.load(small)
    for picture in pictures:
        tolerance = TOLERANCE[contender.precision]
        assert classify(picture) == pytest.approx(expected(picture), abs=tolerance)


def test_the_images_differ(pictures: list[Path], expected: Classify) -> None:
    first, second = (expected(picture) for picture in pictures)
    assert max(abs(a - b) for a, b in zip(first, second, strict=True)) > 1e-3


def test_what_is_not_measured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = CONTENDERS["timm bf16, torch.compile"]
    monkeypatch.setattr(contenders, "has_fast_bf16", lambda: True)
    assert compiled.why_not(long=False) == "long form only"
    assert compiled.why_not(long=True) == ""
    monkeypatch.setattr(contenders, "has_fast_bf16", lambda: False)
    assert "bf16" in compiled.why_not(long=True)
    monkeypatch.setattr(contenders, "find_spec", lambda name: None)
    assert compiled.why_not(long=True) == "not installed: torch, timm"


def test_a_worker_tells_its_memory(small: Path, pictures: list[Path]) -> None:
    with Worker("ours fp32", small, pictures[0]) as worker:
        run = worker.run(pictures[1])
    assert run.seconds > 0
    assert worker.start_seconds > run.seconds
    assert run.peak_mb >= run.steady_mb > 10


def test_a_worker_that_fails_says_why(tmp_path: Path, pictures: list[Path]) -> None:
    with pytest.raises(WorkerError, match="CheckpointNotFoundError"):
        Worker("ours fp32", tmp_path, pictures[0])
