from __future__ import annotations

import numpy as np
import pytest

from nsfw_detector.engines import EngineOutput
from nsfw_detector.pipeline.cost_model import CostModel, calibrate


class Timed:
    """An engine whose batches take the time that they are said to, on its own clock."""

    name = "timed"

    def __init__(self, max_batch_size: int, per_image: float, per_batch: float) -> None:
        self.max_batch_size = max_batch_size
        self.embedding_size = 1
        self.cost = CostModel(per_image, per_batch)
        self.now = 0.0
        self.sizes: set[int] = set()

    def infer(self, images: np.ndarray) -> EngineOutput:
        compiling = 0.0 if len(images) in self.sizes else 60.0
        self.sizes.add(len(images))
        self.now += compiling + self.cost.seconds(len(images))
        zeros = np.zeros((len(images), 1), dtype=np.float32)
        return EngineOutput(zeros, zeros)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("engine", "batch_size", "tried"),
    [
        (Timed(1, 0.6, 0.0), 1, set()),
        (Timed(4, 1.4, 0.0), 1, {1, 2}),  # a CPU: one image fills it
        (Timed(32, 0.0005, 0.004), 32, {1, 2, 4, 8, 16, 32}),  # a GPU: batches pay
        (Timed(12, 0.001, 0.004), 12, {1, 2, 4, 8, 12}),
        (Timed(64, 0.015, 0.004), 4, {1, 2, 4, 8}),
    ],
)
def test_a_larger_batch_is_used_only_if_it_pays(
    engine: Timed, batch_size: int, tried: set[int]
) -> None:
    cost, found = calibrate(engine, (2, 2), engine.clock)
    assert (found, engine.sizes) == (batch_size, tried)
    if tried:
        assert cost.seconds(7) == pytest.approx(engine.cost.seconds(7))


@pytest.mark.parametrize(
    ("measured", "per_image", "per_batch"),
    [
        ({1: 3.0, 2: 5.0, 4: 9.0}, 2.0, 1.0),
        ({1: 1.0, 2: 4.0}, 1.8, 0.0),  # faster than in proportion: no negative overhead
        ({1: 3.0, 2: 1.0}, 0.0, 2.0),  # a disturbed measurement: no negative cost
    ],
)
def test_fit(measured: dict[int, float], per_image: float, per_batch: float) -> None:
    cost = CostModel.fit(measured)
    assert cost.per_image == pytest.approx(per_image)
    assert cost.per_batch == pytest.approx(per_batch)


def test_what_is_unknown_costs_nothing_until_it_is_seen() -> None:
    cost = CostModel()
    assert cost.seconds(9) == 0
    cost.observe(2, 1.0)
    assert cost.seconds(4) == pytest.approx(2.0)


def test_the_estimate_follows_the_machine_and_recovers_from_a_disturbance() -> None:
    cost = CostModel(per_image=0.2, per_batch=0.1)
    for _ in range(30):
        cost.observe(4, 1.8)
    assert cost.seconds(4) == pytest.approx(1.8, rel=0.01)
    assert cost.seconds(1) == pytest.approx(0.6, rel=0.01)
    cost.observe(4, 18.0)
    for _ in range(10):
        cost.observe(4, 1.8)
    assert cost.seconds(4) < 1.5 * 1.8
