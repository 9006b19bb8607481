from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsfw_detector.errors import InferenceError
from nsfw_detector.levels import at_least, probabilities

LOGITS = st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=6)


@given(LOGITS)
def test_values_are_probabilities(values: list[float]) -> None:
    logits = np.array(values, dtype=np.float32)
    scores = probabilities(logits)
    cumulative = at_least(scores)
    assert scores.dtype == cumulative.dtype == np.float32
    assert scores.sum() == pytest.approx(1, abs=1e-5)
    assert ((cumulative >= 0) & (cumulative <= 1)).all()
    assert (np.diff(cumulative) <= 0).all()


def test_at_least_is_the_sum_from_the_level_up() -> None:
    scores = np.array([[0.4, 0.3, 0.2, 0.1], [0.0, 0.0, 0.0, 1.0]], dtype=np.float32)
    expected = np.array([[0.6, 0.3, 0.1], [1, 1, 1]])
    np.testing.assert_allclose(at_least(scores), expected, atol=1e-6)


def test_the_softmax_is_the_textbook_s() -> None:
    logits = np.array([1.0, 2.0, 3.0, 4.0], dtype=np.float32)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(probabilities(logits), expected, atol=1e-7)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_an_error(value: float) -> None:
    with pytest.raises(InferenceError, match="PRECISION=fp32"):
        probabilities(np.array([0.0, value], dtype=np.float32))
