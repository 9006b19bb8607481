"""How long the engine takes for a batch, and from which size on a larger one is hardly faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from nsfw_detector.engines import Engine

# A larger batch makes its first image wait for its last, so it must bring more than this.
_WORTHWHILE = 1.05
# A size is timed until this many runs or seconds are reached.
_RUNS = 5
_SECONDS = 0.2
# How far one batch moves the estimate.
_WEIGHT = 0.2


class CostModel:
    """A batch of n images takes ``per_image * n + per_batch`` seconds; both 0 while unknown.

    One thread observes; any may ask.
    """

    def __init__(self, per_image: float = 0.0, per_batch: float = 0.0) -> None:
        self.per_image = per_image
        self.per_batch = per_batch

    @classmethod
    def fit(cls, measured: Mapping[int, float]) -> CostModel:
        """Fit the model to measured seconds by batch size, by least squares."""
        n, seconds = np.array(list(measured)), np.array(list(measured.values()))
        slope, intercept = np.linalg.lstsq(np.stack([n, n**0], axis=1), seconds, rcond=None)[0]
        # Neither can be negative; where noise makes one so, the best fit without it is taken.
        if intercept < 0:
            slope, intercept = n @ seconds / (n @ n), 0.0
        elif slope < 0:
            slope, intercept = 0.0, seconds.mean()
        return cls(float(slope), float(intercept))

    def seconds(self, n_images: int, n_batches: int = 1) -> float:
        """Estimate the time for so many images in so many batches."""
        return self.per_image * n_images + self.per_batch * n_batches

    def observe(self, n_images: int, seconds: float) -> None:
        """Move the estimate a step towards what a batch has really taken."""
        expected = self.seconds(n_images)
        if not expected:
            self.per_image = seconds / n_images
            return
        factor = 1 + _WEIGHT * (seconds / expected - 1)
        self.per_image *= factor
        self.per_batch *= factor


def calibrate(
    engine: Engine,
    input_size: tuple[int, int],
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[CostModel, int]:
    """Time batches of 1, 2, 4 ... images until one brings hardly more images per second.

    Args:
        engine: Is given blank images.
        input_size: Height and width of the model's input.
        clock: Gives seconds.

    Returns:
        The cost of a batch, and the smallest size with about the most images per second.
    """
    if engine.max_batch_size == 1:  # nothing to choose, and the first image will tell the cost
        return CostModel(), 1
    largest = engine.max_batch_size
    best, *larger = [*(2**i for i in range((largest - 1).bit_length())), largest]
    measured = {best: _time(engine, best, input_size, clock)}
    for size in larger:
        measured[size] = _time(engine, size, input_size, clock)
        if measured[size] / size * _WORTHWHILE > measured[best] / best:
            break
        best = size
    return CostModel.fit(measured), best


def _time(
    engine: Engine, size: int, input_size: tuple[int, int], clock: Callable[[], float]
) -> float:
    images = np.full((size, *input_size, 3), 127, dtype=np.uint8)
    engine.infer(images)  # the first batch of a size allocates, or compiles
    runs: list[float] = []
    while len(runs) < _RUNS and sum(runs) < _SECONDS:
        started = clock()
        engine.infer(images)
        runs.append(clock() - started)
    return min(runs)
