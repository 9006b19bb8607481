from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.experiments.band import Band
from benchmarks.experiments.evaluation import Agreement, minima
from benchmarks.experiments.resolution import at_scale, resample_positions
from benchmarks.experiments.screen import main
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from nsfw_detector.results import Decision
from nsfw_detector.torchvision_shim import ensure_importable
from scripts.paths import DEMO, SAMPLES

SIDES = {0.75: 84, 0.5: 56}


@pytest.mark.parametrize("scale", SIDES)
def test_another_resolution_equals_timm_s(scale: float) -> None:
    ensure_importable()
    import timm
    import torch

    checkpoint = at_scale(Checkpoint.load(DEMO), scale)
    side = SIDES[scale]
    assert checkpoint.config.preprocess.height == side
    images = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    model = timm.create_model(f"local-dir:{DEMO}", pretrained=True).eval()
    model.set_input_size(img_size=(side, side))
    p = checkpoint.config.preprocess
    pixels = (torch.from_numpy(images) / 255 - torch.tensor(p.mean)) / torch.tensor(p.std)
    with torch.inference_mode():
        expected = model(pixels.permute(0, 3, 1, 2)).numpy()
    assert np.ptp(expected, axis=0).max() > 0.01, "the images must differ to prove anything"
    engine = OpenVINOEngine.from_checkpoint(checkpoint, "fp32", threads=1)
    np.testing.assert_allclose(engine.infer(images).logits, expected, atol=1e-4)


@pytest.mark.parametrize("wanted", [(24, 24), (16, 16), (20, 9), (32, 32)])
def test_resampled_positions_equal_timm_s(wanted: tuple[int, int]) -> None:
    ensure_importable()
    import torch
    from timm.layers import resample_abs_pos_embed

    positions = np.random.default_rng(0).standard_normal((1, 1025, 8)).astype(np.float32)
    expected = resample_abs_pos_embed(torch.from_numpy(positions), list(wanted)).numpy()
    own = resample_positions(positions, (32, 32), wanted)
    np.testing.assert_allclose(own, expected, atol=1e-5)


@pytest.mark.parametrize("slips", [0, 3])
def test_the_band_slips_no_more_than_allowed_on_what_it_was_chosen_on(slips: int) -> None:
    rng = np.random.default_rng(0)
    block = rng.random(200, dtype=np.float32)
    review = np.maximum(block, rng.random(200, dtype=np.float32))
    noise = rng.normal(0, 0.1, 200)
    full: list[Decision] = [
        "block" if b + n > 0.5 else "review" if r + n > 0.5 else "allow"
        for r, b, n in zip(review, block, noise, strict=True)
    ]
    band = Band.calibrate(review, block, full, slips)
    settled = [band.settle(r, b) for r, b in zip(review, block, strict=True)]
    assert {"allow", "block", None} == set(settled)
    wrong = [own for own, other in zip(settled, full, strict=True) if own not in (None, other)]
    assert (wrong.count("allow"), wrong.count("block")) == (slips, slips)


def test_without_examples_against_it_everything_is_passed_on() -> None:
    values = np.array([0.1, 0.9], dtype=np.float32)
    only_allowed = Band.calibrate(values, values, ["allow", "allow"])
    assert only_allowed.settle(0.0, 0.0) is None
    only_blocked = Band.calibrate(values, values, ["block", "block"])
    assert only_blocked.settle(1.0, 1.0) is None


def test_a_screen_at_odds_with_itself_passes_on() -> None:
    assert Band(lower=0.9, upper=0.2).settle(0.5, 0.4) is None


def test_agreement_states_an_exact_bound() -> None:
    agreement = Agreement.between(["allow"] * 598, ["allow"] * 598)
    assert str(agreement) == "100.00% (at least 99.50%)"


def test_minima_run_in_turn() -> None:
    order: list[str] = []
    times = iter([9.0, 9.0, 3.0, 5.0, 2.0, 6.0])

    def run(name: str) -> float:
        order.append(name)
        return next(times)

    result = minima({"a": lambda: run("a"), "b": lambda: run("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert result == {"a": 2.0, "b": 5.0}


def test_the_script_runs(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--pictures", "20", "--rounds", "1", "--speed", str(tiny)])
    printed = capsys.readouterr().out
    for expected in ("At full resolution", "| 0.75 |", "| 0.5 |", "times pipeline"):
        assert expected in printed


def test_your_own_images(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--images", str(SAMPLES), "--rounds", "1", "--speed", str(tiny)])
    assert "accuracy unknown" in capsys.readouterr().out
