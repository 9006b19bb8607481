"""Output i belongs to input i, whatever else happens to the batch; no future is left open."""

from __future__ import annotations

import operator
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsfw_detector.engines import EngineOutput
from nsfw_detector.errors import DeadlineExceededError, InferenceError
from nsfw_detector.pipeline.batcher import Batcher, Infer, ModelOutput
from nsfw_detector.pipeline.cost_model import CostModel
from nsfw_detector.telemetry import Telemetry
from tests.echo import POISON, Echo, is_of, model_input


@contextmanager
def batching(
    infer: Infer, batch_size: int = 1, queue_size: int = 64, telemetry: Telemetry | None = None
) -> Iterator[Batcher]:
    batcher = Batcher(infer, batch_size, CostModel(), telemetry or Telemetry(), queue_size)
    yield batcher
    batcher.close()
    assert batcher.backlog() == 0


@settings(max_examples=50)
@given(
    marks=st.lists(st.one_of(st.integers(0, 200), st.just(POISON)), max_size=60),
    cancelled=st.sets(st.integers(0, 59)),
    unwanted=st.sets(st.integers(0, 59)),
    batch_size=st.integers(1, 8),
)
def test_outputs_belong_to_their_inputs(
    marks: list[int], cancelled: set[int], unwanted: set[int], batch_size: int
) -> None:
    engine = Echo()
    engine.free.clear()
    with batching(engine.infer, batch_size) as batcher:
        futures = [
            batcher.submit(model_input(mark), partial(operator.not_, i in unwanted))
            for i, mark in enumerate(marks)
        ]
        gone = {i for i in cancelled if i < len(futures) and futures[i].cancel()}
        engine.free.set()
        for index, (mark, future) in enumerate(zip(marks, futures, strict=True)):
            expected = (
                CancelledError
                if index in gone
                else DeadlineExceededError
                if index in unwanted
                else InferenceError
                if mark == POISON
                else None
            )
            if expected:
                with pytest.raises(expected):
                    future.result(timeout=10)
            else:
                assert is_of(future.result(timeout=10), mark)
    assert all(size <= batch_size for size in engine.batch_sizes)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, SystemExit, KeyboardInterrupt])
def test_nothing_that_the_engine_raises_ends_its_thread(error: type[BaseException]) -> None:
    engine = Echo()
    engine.error = error
    with batching(engine.infer) as batcher:
        with pytest.raises(InferenceError, match=error.__name__):
            batcher.submit(model_input(POISON)).result(timeout=10)
        assert is_of(batcher.submit(model_input(7)).result(timeout=10), 7)


def test_a_question_that_fails_ends_neither_the_thread_nor_the_batch() -> None:
    def fail() -> bool:
        raise OSError("bad file descriptor")

    engine = Echo()
    engine.free.clear()
    with batching(engine.infer, batch_size=4) as batcher:
        futures = [batcher.submit(model_input(1))]
        engine.busy.wait(10)
        futures += [batcher.submit(model_input(2), fail), batcher.submit(model_input(3))]
        engine.free.set()
        with pytest.raises(OSError, match="descriptor"):
            futures[1].result(timeout=10)
        assert is_of(futures[2].result(timeout=10), 3)


def test_one_bad_input_does_not_cost_its_neighbours(caplog: pytest.LogCaptureFixture) -> None:
    engine = Echo()
    engine.free.clear()
    with batching(engine.infer, batch_size=4) as batcher:
        first = batcher.submit(model_input(0))
        engine.busy.wait(10)
        futures = [batcher.submit(model_input(mark)) for mark in (1, POISON, 3)]
        odd = batcher.submit(np.zeros((9, 9, 3), dtype=np.uint8))  # cannot be stacked with others
        engine.free.set()
        assert is_of(first.result(timeout=10), 0)
        assert is_of(futures[0].result(timeout=10), 1)
        assert is_of(futures[2].result(timeout=10), 3)
        assert is_of(odd.result(timeout=10), 0)
        with pytest.raises(InferenceError):
            futures[1].result(timeout=10)
    assert caplog.text.count("The engine failed") == 1


def test_what_waits_is_taken_together() -> None:
    engine = Echo()
    engine.free.clear()
    telemetry = Telemetry()
    with batching(engine.infer, batch_size=4, telemetry=telemetry) as batcher:
        futures = [batcher.submit(model_input(0))]
        engine.busy.wait(10)
        futures += [batcher.submit(model_input(mark)) for mark in range(1, 9)]
        assert batcher.backlog() == 9
        engine.free.set()
        assert all(is_of(f.result(timeout=10), mark) for mark, f in enumerate(futures))
        assert batcher.backlog() == 0, "whoever has a result finds the engine free"
    assert engine.batch_sizes == [1, 4, 4]
    assert telemetry.snapshot()["batch_sizes"] == {"1": 1, "4": 2}


def test_what_nobody_wants_any_longer_leaves_its_place_in_the_batch_to_others() -> None:
    engine = Echo()
    engine.free.clear()
    telemetry = Telemetry()
    with batching(engine.infer, batch_size=2, telemetry=telemetry) as batcher:
        batcher.submit(model_input(0))
        engine.busy.wait(10)
        unwanted = [batcher.submit(model_input(1), lambda: False) for _ in range(5)]
        wanted = [batcher.submit(model_input(mark)) for mark in (2, 3)]
        engine.free.set()
        assert all(is_of(f.result(timeout=10), mark) for mark, f in enumerate(wanted, start=2))
        assert all(isinstance(f.exception(timeout=10), DeadlineExceededError) for f in unwanted)
    assert engine.batch_sizes == [1, 2]
    assert telemetry.snapshot()["dropped"] == 5


@pytest.mark.parametrize("outputs", [(2, 1), (0, 0), (2, 2)])
def test_a_wrong_number_of_outputs_is_an_error(outputs: tuple[int, int]) -> None:
    def infer(images: np.ndarray) -> EngineOutput:
        logits, embeddings = (np.zeros((n, 1), np.float32) for n in outputs)
        return EngineOutput(logits, embeddings)

    with batching(infer) as batcher, pytest.raises(InferenceError):
        batcher.submit(model_input(1)).result(timeout=10)


def test_many_threads_get_their_own_output() -> None:
    with batching(Echo().infer, batch_size=4, queue_size=2) as batcher:

        def ask(mark: int) -> bool:
            return is_of(batcher.submit(model_input(mark)).result(timeout=10), mark)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, [i % 200 for i in range(400)]))


def test_a_full_queue_holds_back_whoever_submits() -> None:
    engine = Echo()
    engine.free.clear()
    with batching(engine.infer, queue_size=2) as batcher:
        batcher.submit(model_input(0))
        engine.busy.wait(10)
        for mark in (1, 2):
            batcher.submit(model_input(mark))
        held_back = threading.Thread(target=batcher.submit, args=[model_input(3)])
        held_back.start()
        held_back.join(0.1)
        assert held_back.is_alive()
        assert batcher.backlog() == 3
        engine.free.set()
        held_back.join(10)
        assert not held_back.is_alive()


def test_closing_finishes_what_is_queued_and_refuses_more() -> None:
    engine = Echo()
    engine.free.clear()
    with batching(engine.infer, batch_size=3, queue_size=5) as batcher:
        futures: list[Future[ModelOutput]] = [batcher.submit(model_input(0))]
        engine.busy.wait(10)
        futures += [batcher.submit(model_input(mark)) for mark in range(1, 6)]
        with ThreadPoolExecutor(2) as pool:
            held_back = pool.submit(batcher.submit, model_input(6))
            closing = pool.submit(batcher.close)
            assert isinstance(held_back.exception(timeout=10), InferenceError)
            engine.free.set()
            closing.result(timeout=10)
        assert all(is_of(f.result(timeout=0), mark) for mark, f in enumerate(futures))
        with pytest.raises(InferenceError, match="closed"):
            batcher.submit(model_input(1))
