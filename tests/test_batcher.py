"""Output i belongs to input i, whatever else happens to the batch."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsfw_detector.batcher import Batcher, ModelOutput
from nsfw_detector.engines import EngineOutput
from nsfw_detector.errors import InferenceError

POISON = 255


class Echo:
    """An engine whose outputs say which image they are of; it fails on a poisoned batch."""

    def __init__(self) -> None:
        self.batch_sizes: list[int] = []
        self.free = threading.Event()
        self.free.set()

    def infer(self, images: np.ndarray) -> EngineOutput:
        self.free.wait()
        self.batch_sizes.append(len(images))
        marks = images[:, 0, 0, 0]
        if (marks == POISON).any():
            raise RuntimeError("poison")
        values = marks.astype(np.float32)[:, None]
        return EngineOutput(values, -values)


def image(mark: int) -> np.ndarray:
    return np.full((2, 2, 3), mark, dtype=np.uint8)


def is_of(output: ModelOutput, mark: int) -> bool:
    return bool(output.logits == [mark] and output.embedding == [-mark])


@settings(max_examples=50, deadline=None)
@given(
    marks=st.lists(st.one_of(st.integers(0, 200), st.just(POISON)), max_size=60),
    cancelled=st.sets(st.integers(0, 59)),
    max_batch_size=st.integers(1, 8),
)
def test_outputs_belong_to_their_inputs(
    marks: list[int], cancelled: set[int], max_batch_size: int
) -> None:
    engine = Echo()
    engine.free.clear()
    batcher = Batcher(engine.infer, max_batch_size)
    futures = [batcher.submit(image(mark)) for mark in marks]
    gone = {i for i in cancelled if i < len(futures) and futures[i].cancel()}
    engine.free.set()
    for index, (mark, future) in enumerate(zip(marks, futures, strict=True)):
        if index in gone:
            with pytest.raises(CancelledError):
                future.result()
            continue
        try:
            assert is_of(future.result(timeout=10), mark)
        except InferenceError:
            assert POISON in marks, "only a poisoned batch may fail"
    batcher.close()
    assert all(size <= max_batch_size for size in engine.batch_sizes)


def test_a_failing_batch_does_not_end_the_thread() -> None:
    batcher = Batcher(Echo().infer, max_batch_size=1)
    with pytest.raises(InferenceError, match="RuntimeError"):
        batcher.submit(image(POISON)).result(timeout=10)
    assert is_of(batcher.submit(image(7)).result(timeout=10), 7)
    batcher.close()


def test_what_waits_is_taken_together() -> None:
    engine = Echo()
    engine.free.clear()
    batcher = Batcher(engine.infer, max_batch_size=4)
    futures = [batcher.submit(image(mark)) for mark in range(9)]
    engine.free.set()
    assert all(is_of(f.result(timeout=10), mark) for mark, f in enumerate(futures))
    batcher.close()
    # The first batch holds what had come when the engine's thread looked; then full ones follow.
    assert max(engine.batch_sizes) == 4
    assert sum(engine.batch_sizes) == 9


def test_a_wrong_number_of_outputs_is_an_error() -> None:
    def infer(images: np.ndarray) -> EngineOutput:
        return EngineOutput(np.zeros((2, 1), np.float32), np.zeros((1, 1), np.float32))

    batcher = Batcher(infer, max_batch_size=1)
    with pytest.raises(InferenceError):
        batcher.submit(image(1)).result(timeout=10)
    batcher.close()


def test_many_threads_get_their_own_output() -> None:
    batcher = Batcher(Echo().infer, max_batch_size=4, queue_size=2)

    def ask(mark: int) -> bool:
        return is_of(batcher.submit(image(mark)).result(timeout=10), mark)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, [i % 200 for i in range(400)]))
    batcher.close()


def test_closing_finishes_what_is_queued() -> None:
    engine = Echo()
    engine.free.clear()
    batcher = Batcher(engine.infer, max_batch_size=3)
    futures: list[Future[ModelOutput]] = [batcher.submit(image(mark)) for mark in range(5)]
    engine.free.set()
    batcher.close()
    assert all(future.done() for future in futures)
