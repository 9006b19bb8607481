"""Runs that are ended half way, and run again."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scripts.paths import ROOT
from scripts.score_folder import main
from tests.scripts.score_folder.results import Rows, rows

SLOWLY = """
import time

from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from scripts.azure.command import run
from scripts.score_folder import main

infer = OpenVINOEngine.infer


def infer_slowly(engine, images):
    time.sleep(0.05 * len(images))
    return infer(engine, images)


OpenVINOEngine.infer = infer_slowly
run(main)
"""
"""The script with time to end it half way: `mixed` takes it a quarter of a minute."""


def start(source: Path, out: Path, *more: str, slowly: bool = False) -> subprocess.Popen[str]:
    script = ["-c", SLOWLY] if slowly else ["-m", "scripts.score_folder"]
    return subprocess.Popen(
        [sys.executable, *script, str(source), "--out", str(out), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_parts(process: subprocess.Popen[str], out: Path, count: int) -> None:
    while len(list(out.glob("part-*.parquet"))) < count and process.poll() is None:
        time.sleep(0.01)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_and_run_again(
    mixed: Path, undisturbed: Rows, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    out = tmp_path / "out"
    for _ in range(4):
        before = len(list(out.glob("part-*.parquet")))
        process = start(mixed, out, "--part-size", "5", slowly=True)
        wait_for_parts(process, out, before + rng.randint(1, 4))
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.communicate()
        found = rows(out)  # whole parts only, no path twice
        assert all(undisturbed[path] == row for path, row in found.items())
    assert 0 < len(rows(out)) < 300
    process = start(mixed, out, "--part-size", "5")
    _, log = process.communicate()
    assert process.returncode == 0, log
    assert "Going on:" in log
    assert rows(out) == undisturbed
    assert pq.read_table(out).num_rows == 300  # what else is there is in no reader's way
    summary = json.loads((out / "_summary.json").read_text())
    assert summary["files"] == 300
    assert summary["last_run"]["files"] < 300


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped(
    mixed: Path, undisturbed: Rows, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    process = start(mixed, out, "--part-size", "40", slowly=True)
    wait_for_parts(process, out, 1)
    process.send_signal(number)
    answer, log = process.communicate()
    assert process.returncode == 128 + number
    assert "Finishing the images under way" in log
    assert "The same command goes on from here" in log
    assert "Traceback" not in log
    done = rows(out)
    assert 40 <= len(done) < 300
    # What was under way is there too: the last part is smaller than the others.
    assert json.loads((out / "_summary.json").read_text())["last_run"]["files"] == len(done)
    assert f"This run: {len(done)} files" in answer
    assert main([str(mixed), "--out", str(out)]) == 0
    assert rows(out) == undisturbed
