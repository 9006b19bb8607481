from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.sample_for_review.entry import allocate, doubt, sample
from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches
from scripts.paths import ROOT
from tests.components.job import run_command

LABELS = ["neutral", "low", "medium", "high"]


def rows(count: int) -> pa.Table:
    rng = np.random.default_rng(0)
    scores = -np.sort(-rng.beta(0.05, 0.05, (count, 3)).astype(np.float32), axis=1)
    levels = [LABELS[int((row >= 0.5).sum())] for row in scores]
    return pa.table(
        {
            "path": [f"{i:05}" for i in range(count)],
            "level": levels,
            "decision": ["allow"] * count,
            **{f"at_least_{label}": scores[:, i] for i, label in enumerate(LABELS[1:])},
        }
    )


def test_doubt_is_one_at_even_and_none_at_certainty() -> None:
    at_least = np.array([[1, 0.5, 0], [1, 0, 0], [0.9, 0.1, 0]], dtype=np.float32)
    np.testing.assert_allclose(doubt(at_least), [1, 0, 0.2], atol=1e-6)


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(0, 200))
def test_the_budget_is_used_up_and_no_stratum_gives_more_than_it_has(
    sizes: list[int], budget: int
) -> None:
    shares = allocate(sizes, budget)
    assert sum(shares) == min(budget, sum(sizes))
    assert all(share <= size for share, size in zip(shares, sizes, strict=True))
    open_ = [share for share, size in zip(shares, sizes, strict=True) if share < size]
    assert not open_ or max(open_) - min(open_) <= 1


def test_weights_stand_for_the_whole_set() -> None:
    table = rows(5000)
    drawn = sample(table, LABELS, 300, seed=1)
    assert drawn.num_rows == 300
    assert len(set(drawn["path"].to_pylist())) == 300
    assert sum(drawn["weight"].to_pylist()) == pytest.approx(5000)
    levels = np.array(table["level"].to_pylist())
    for level in set(levels):
        weights = drawn.filter(pa.compute.field("level") == level)["weight"].to_pylist()
        assert sum(weights) == pytest.approx((levels == level).sum())


@pytest.mark.parametrize("budget", [1, 2, 5, 8])
def test_totals_are_right_on_average_however_small_the_budget(budget: int) -> None:
    table = rows(300)
    high = np.array([level == "high" for level in table["level"].to_pylist()])
    estimates = []
    for seed in range(1500):
        drawn = sample(table, LABELS, budget, seed)
        assert drawn.num_rows == budget
        assert sum(drawn["weight"].to_pylist()) == pytest.approx(300)
        weights, levels = drawn["weight"].to_numpy(), drawn["level"].to_pylist()
        estimates.append(sum(w for w, x in zip(weights, levels, strict=True) if x == "high"))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(high.sum(), abs=4 * error + 1e-9)


def test_every_image_has_a_chance() -> None:
    table = rows(40)
    seen = {
        path for seed in range(800) for path in sample(table, LABELS, 2, seed)["path"].to_pylist()
    }
    assert seen == set(table["path"].to_pylist())


def test_of_no_images_there_is_an_empty_sample() -> None:
    drawn = sample(rows(3).slice(0, 0), LABELS, 10, 0)
    assert drawn.num_rows == 0
    assert drawn.schema.field("weight").type == pa.float64()


def test_a_folder_of_rubbish_has_an_empty_sample(
    demo_detector: Detector, code: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    MiniBatches(demo_detector, tmp_path / "rows").score([str(bad)])
    printed = run_command("sample_for_review", code, rows=tmp_path / "rows", sample=tmp_path)
    assert "0 of 0 images" in printed
    assert (tmp_path / "sample.csv").read_text().startswith('"path","level"')


@pytest.mark.parametrize("budget", ["0", "-5"])
def test_a_budget_of_nothing_is_refused(budget: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "components.sample_for_review.entry", "--rows", str(tmp_path)]
    command += ["--sample", str(tmp_path), "--budget", budget]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no whole number from 1 on" in done.stderr


def test_the_doubtful_are_drawn_more_often_than_by_chance() -> None:
    table = rows(5000)
    plain = doubt(np.stack([table[f"at_least_{label}"].to_numpy() for label in LABELS[1:]], axis=1))
    drawn = sample(table, LABELS, 300, seed=1)
    assert np.mean(drawn["doubt"].to_numpy()) > 2 * plain.mean()


def test_the_seed_decides() -> None:
    table = rows(500)
    assert sample(table, LABELS, 20, 1).equals(sample(table, LABELS, 20, 1))
    assert not sample(table, LABELS, 20, 1).equals(sample(table, LABELS, 20, 2))


def test_the_component_writes_a_list_to_fill_in(code: Path, embedded: Path, tmp_path: Path) -> None:
    run_command("sample_for_review", code, rows=embedded, sample=tmp_path, budget=7)
    with (tmp_path / "sample.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 7
    assert all(row["label"] == "" and row["level"] for row in found)
