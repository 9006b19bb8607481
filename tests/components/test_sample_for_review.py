from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.sample_for_review.entry import allocate, doubt, sample
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
