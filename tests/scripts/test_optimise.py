from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nsfw_detector import Detection, Detector, Settings
from scripts.paths import ROOT
from tests.checkpoints import random_tensors, tiny_config, write_checkpoint


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for index in range(24):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


def run(checkpoint: Path, images: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.optimise", str(checkpoint), str(images), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def optimised(tmp_path_factory: pytest.TempPathFactory, images: Path) -> Path:
    """A checkpoint for which the script has been run."""
    folder = write_checkpoint(tmp_path_factory.mktemp("models") / "tiny", tiny_config())
    done = run(folder, images)
    assert done.returncode == 0, done.stderr
    for engine in ("fp32", "int8", "int8-static"):
        assert engine in done.stdout
    return folder


def insist(checkpoint: Path, engine: str) -> None:
    """Make the manifest name another engine, as if that had been found best."""
    path = checkpoint / "optimised" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "engine": engine}))


def test_with_few_images_int8_is_never_chosen(optimised: Path) -> None:
    manifest = json.loads((optimised / "optimised" / "manifest.json").read_text())
    assert not manifest["engine"].startswith("int8")
    assert manifest["images"] == 18
    assert manifest["decision_changes_bound"] > 0.01
    assert (optimised / "optimised" / "report.png").stat().st_size > 1000


def test_the_detector_uses_what_was_chosen(optimised: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(optimised, folder)
    insist(folder, "int8")
    detector = Detector.load(folder, Settings())
    assert detector.info.engine == "openvino-int8"
    detector.close()
    assert Detector.load(folder, Settings(precision="fp32")).info.engine == "openvino-fp32"


def test_a_static_graph_is_written_and_served(images: Path, tmp_path: Path) -> None:
    from nsfw_detector.checkpoint import Checkpoint
    from nsfw_detector.engines.optimised import graph_path
    from scripts.optimising.calibration import model_inputs, quantise

    folder = write_checkpoint(tmp_path / "tiny", tiny_config())
    assert run(folder, images).returncode == 0
    checkpoint = Checkpoint.load(folder)
    inputs = list(model_inputs(checkpoint, images, most=12))
    quantise(checkpoint, inputs, graph_path(folder))
    insist(folder, "int8-static")
    detector = Detector.load(folder, Settings())
    exact = Detector.load(folder, Settings(precision="fp32"))
    assert detector.info.engine == "openvino-int8-static"
    for mine, theirs in zip(detector.detect(inputs), exact.detect(inputs), strict=True):
        assert isinstance(mine, Detection)
        assert isinstance(theirs, Detection)
        assert list(mine.scores.values()) == pytest.approx(list(theirs.scores.values()), abs=0.15)


def test_other_weights_ignore_it_and_say_so(
    optimised: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(optimised, folder)
    insist(folder, "int8")
    write_checkpoint(folder, tiny_config(), random_tensors(tiny_config(), seed=1))
    with caplog.at_level(logging.WARNING):
        detector = Detector.load(folder, Settings())
    assert "int8" not in detector.info.engine
    assert "checkpoint_sha256" in caplog.text
    detector.close()


def test_a_folder_without_images_is_said(optimised: Path, tmp_path: Path) -> None:
    done = run(optimised, tmp_path)
    assert done.returncode == 1
    assert "fewer than two readable images" in done.stderr
