"""The GPU benchmark runs; where there is no GPU, its measurements run on the CPU and mean nothing.

That shows them to be in working order before they meet a GPU.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import gpu, gpu_worker
from benchmarks.gpu_worker import MEASUREMENTS, Task
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.cuda_engine import BUCKETS
from scripts.paths import ROOT

RATES = {"end to end": 90.0, "decoding alone": 100.0, "engine alone": 2000.0}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        Image.new("RGB", (90, 60), (80 * number, 99, 0)).save(tmp_path / f"{number}.jpg")
    return tmp_path


@pytest.fixture
def task(tiny: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(gpu_worker, "WARM_UP_SECONDS", 0)
    encoded = [file.read_bytes() for file in photos.iterdir()]
    return Task(Checkpoint.load(tiny), "fp32", encoded, device="cpu", rounds=2, images=40)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_runs(task: Task, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)
    monkeypatch.setattr(gpu_worker, "MATRIX", 16)
    measured = gpu_worker.measure(name, task)
    assert measured.ready_at <= time.time()
    assert all(rate > 0 for rate in measured.rates.values())
    if name == "end_to_end":
        assert measured.rates.keys() == RATES.keys()
    else:
        sizes = BUCKETS[-1:] if name == "autotuned" else BUCKETS
        assert all(tuple(timed) == sizes for timed in measured.seconds.values())
        assert len(measured.seconds) == (2 if name == "engine" else 1)


def test_the_report(
    task: Task, tiny: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def start(name: str, *_: object) -> gpu.Result:
        made.append(name)
        measured = gpu_worker.measure("end_to_end" if name == "end_to_end" else "engine", task)
        return {**json.loads(json.dumps(asdict(measured))), "start_s": 1.0}

    monkeypatch.setattr(gpu, "start", start)
    monkeypatch.setattr(gpu, "machine", lambda: ["a machine"])
    monkeypatch.setattr(gpu, "why_no_cuda", lambda: None)
    out = tmp_path / "out"
    arguments = ["gpu", "--checkpoint", str(tiny), "--photos", str(photos), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", arguments)
    gpu.main()
    assert made == ["engine", "engine", "compiled", "eager", "end_to_end"]
    text = (out / "gpu.txt").read_text()
    assert text.startswith("a machine\nfirst start: ready after 1.0 s")
    assert "bottleneck" in text
    with (out / "gpu.csv").open(newline="") as file:
        assert [int(row["batch_size"]) for row in csv.DictReader(file)] == 6 * list(BUCKETS)


def test_the_bottleneck_is_named() -> None:
    assert "is the decoding; end to end reaches 90%" in gpu.bottleneck(RATES)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_in_one_line() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing measured: torch")
    assert done.stdout.count("\n") == 1
