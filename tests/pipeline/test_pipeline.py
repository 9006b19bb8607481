"""Whatever happens on the way, what comes back for an image is of that image."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from PIL import Image

from nsfw_detector import Settings
from nsfw_detector.errors import (
    DeadlineExceededError,
    DetectorError,
    ImageError,
    ImageFormatError,
    InferenceError,
    OverloadedError,
)
from nsfw_detector.pipeline import pipeline as pipeline_module
from nsfw_detector.pipeline.caller import Caller
from nsfw_detector.pipeline.flights import ScoredImage
from nsfw_detector.pipeline.pipeline import Pipeline
from nsfw_detector.pipeline.sources import decode_loaded
from nsfw_detector.telemetry import Statistics, Telemetry
from nsfw_detector.transform import Preprocess
from tests.echo import NOT_FINITE, POISON, Echo, encoded, is_of, width_of

Scored = ScoredImage | DetectorError
PREPROCESS = Preprocess(
    height=2,
    width=2,
    interpolation="bicubic",
    crop_mode="squash",
    crop_pct=1.0,
    mean=(0, 0, 0),
    std=(1, 1, 1),
)
PATIENT = Caller()


class Rig:
    """A pipeline with an `Echo` for its engine, and threads that ask it."""

    def __init__(self, cache_size: int = 0, max_batch_size: int = 1) -> None:
        self.engine = Echo(max_batch_size)
        self.telemetry = Telemetry()
        settings = Settings(result_cache_size=cache_size)
        self.pipeline = Pipeline(self.engine, PREPROCESS, settings, self.telemetry)
        self.threads = ThreadPoolExecutor(16)
        self.calibration = len(self.engine.batch_sizes)

    @property
    def batches(self) -> int:
        return len(self.engine.batch_sizes) - self.calibration

    @property
    def statistics(self) -> Statistics:
        return self.telemetry.snapshot()

    def ask(self, sources: Sequence[Any], caller: Caller = PATIENT) -> Future[list[Scored]]:
        return self.threads.submit(self.pipeline.score, sources, caller)

    def score(self, source: Any, caller: Caller = PATIENT) -> Scored:
        (scored,) = self.ask([source], caller).result(timeout=10)
        return scored

    def occupy(self) -> None:
        """Let the engine begin with an image and not end before `free` is set."""
        self.engine.free.clear()
        self.engine.busy.clear()
        self.ask([np.zeros((1, 1, 3), dtype=np.uint8)])
        assert self.engine.busy.wait(10)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            if condition():
                return
            time.sleep(0.01)
        raise AssertionError("in vain")


@contextmanager
def rig(cache_size: int = 0, max_batch_size: int = 1) -> Iterator[Rig]:
    made = Rig(cache_size, max_batch_size)
    yield made
    made.engine.free.set()
    made.threads.shutdown()
    made.pipeline.close()


def belongs(scored: Scored, mark: int) -> bool:
    assert isinstance(scored, ScoredImage), scored
    return scored.width == width_of(mark) and all(is_of(o, mark) for _, o in scored.pictures)


# --- Everything at once ---------------------------------------------------------------------------

DAMAGED = -1
marks = st.one_of(st.integers(0, 6), st.integers(0, 200), st.sampled_from([POISON, DAMAGED]))


@dataclass(frozen=True)
class Question:
    marks: list[int]
    seconds: float | None
    goes_after: int | None

    def caller(self) -> Caller:
        """Someone who goes when asked about it for the n-th time."""
        asked = iter(range(10_000))
        limit = self.goes_after
        return Caller(
            None if self.seconds is None else time.monotonic() + self.seconds,
            None if limit is None else lambda: next(asked) >= limit,
        )

    @property
    def is_patient(self) -> bool:
        return self.seconds in (None, 60.0) and self.goes_after is None


questions = st.builds(
    Question,
    marks=st.lists(marks, max_size=6),
    seconds=st.sampled_from([None, None, None, 60.0, 0.003, 0.0, -1.0]),
    goes_after=st.sampled_from([None, None, None, 0, 1, 3]),
)


def image(mark: int) -> bytes:
    return b"GIF89a damaged" if mark == DAMAGED else encoded(mark)


@checks(max_examples=150)
@given(
    questions=st.lists(questions, min_size=1, max_size=12),
    cache_size=st.sampled_from([0, 2, 100]),
    max_batch_size=st.integers(1, 8),
    failing=st.sets(st.integers(0, 60), max_size=5),
)
def test_outputs_belong_to_their_images(
    questions: list[Question], cache_size: int, max_batch_size: int, failing: set[int]
) -> None:
    with rig(cache_size, max_batch_size) as r:
        r.engine.failing = {r.calibration + number for number in failing}
        asked = [r.ask([image(mark) for mark in q.marks], q.caller()) for q in questions]
        for question, answer in zip(questions, asked, strict=True):
            try:
                scored = answer.result(timeout=20)
            except OverloadedError:
                assert question.seconds in (0.003, 0.0, -1.0)
                continue
            for mark, result in zip(question.marks, scored, strict=True):
                if isinstance(result, DeadlineExceededError):
                    assert not question.is_patient
                elif isinstance(result, InferenceError):
                    assert mark == POISON or failing
                elif isinstance(result, ImageError):
                    assert mark == DAMAGED
                else:
                    assert belongs(result, mark)
        r.engine.failing = set()
        for question in questions:  # nothing that has gone wrong is remembered
            for mark in {*question.marks} - {POISON, DAMAGED}:
                assert belongs(r.score(image(mark)), mark)


# --- Repeats --------------------------------------------------------------------------------------


def test_repeats_under_way_share_one_computation() -> None:
    with rig() as r:
        r.occupy()
        asked = [r.ask([encoded(7), encoded(8), encoded(7)]) for _ in range(5)]
        r.wait_for(lambda: r.statistics["shared"] == 13)
        r.engine.free.set()
        for answer in asked:
            assert all(map(belongs, answer.result(timeout=10), (7, 8, 7)))
        assert r.batches == 3
        assert belongs(r.score(encoded(7)), 7)
        assert r.batches == 4, "nothing is kept unless that is asked for"


def test_results_are_kept_for_repeats_and_the_oldest_go() -> None:
    with rig(cache_size=2) as r:
        for mark, batches in [(1, 1), (2, 2), (1, 2), (3, 3), (1, 3), (2, 4)]:
            assert belongs(r.score(encoded(mark)), mark)
            assert r.batches == batches
        assert (r.statistics["cache_hits"], r.statistics["cache_misses"]) == (2, 4)


@pytest.mark.parametrize(
    "other",
    [
        encoded(51),  # the same size, other pixels
        encoded(1, height=3),  # the same pixels, another size
        encoded(1, comment="x"),  # the same picture, other bytes
        encoded(1) + b"\0",
    ],
)
def test_only_exact_repeats_share(other: bytes) -> None:
    with rig(cache_size=10) as r:
        assert belongs(r.score(encoded(1)), 1)
        r.score(other)
        assert r.batches == 2


def test_the_frames_of_an_image_are_kept_together() -> None:
    first, *others = [Image.new("L", (5, 5), mark) for mark in (10, 20, 30)]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others)
    with rig(cache_size=1) as r:
        for _ in range(2):
            scored = r.score(file.getvalue())
            assert isinstance(scored, ScoredImage)
            assert [(i, int(o.logits[0])) for i, o in scored.pictures] == [
                (0, 10),
                (1, 20),
                (2, 30),
            ]
        assert r.batches == 3


def test_arrays_are_never_taken_for_repeats() -> None:
    array = np.full((2, 2, 3), 9, dtype=np.uint8)
    with rig(cache_size=10) as r:
        for _ in range(2):
            r.score(array)
        assert r.batches == 2


def test_an_error_is_shared_while_it_is_found_but_not_kept() -> None:
    with rig(cache_size=10) as r:
        for _ in range(2):
            assert isinstance(r.score(b"text"), ImageFormatError)
        assert r.statistics["cache_hits"] == 0


@pytest.mark.parametrize("mark", [POISON, NOT_FINITE])
def test_what_the_engine_failed_on_is_tried_again(mark: int) -> None:
    with rig(cache_size=10) as r:
        r.score(encoded(mark))
        r.score(encoded(mark))
        assert r.batches == 2


def test_a_bug_in_decoding_costs_one_image(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "holiday.jpg"

    def decode(image: Any, *args: Any) -> Any:
        if image == b"bug":
            raise ZeroDivisionError(secret)
        return decode_loaded(image, *args)

    monkeypatch.setattr(pipeline_module, "decode_loaded", decode)
    with rig() as r:
        bad, good = r.ask([b"bug", encoded(1)]).result(timeout=10)
        assert isinstance(bad, InferenceError)
        assert belongs(good, 1)
    assert "ZeroDivisionError" in caplog.text
    assert secret not in caplog.text


# --- Those who wait no longer ---------------------------------------------------------------------


def test_a_late_answer_is_given_up_at_its_deadline() -> None:
    with rig() as r:
        r.occupy()
        started = time.monotonic()
        late = r.score(encoded(1), Caller(deadline=started + 0.2))
        assert isinstance(late, DeadlineExceededError)
        assert 0.2 <= time.monotonic() - started < 2
        r.engine.free.set()
        assert belongs(r.score(encoded(1)), 1)
        assert (r.statistics["dropped"], r.batches) == (1, 2)


def test_what_has_expired_is_not_even_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "decode_loaded", None)
    with rig() as r:
        for caller in (Caller(time.monotonic() - 1), Caller(is_abandoned=lambda: True)):
            assert isinstance(r.score(encoded(1), caller), DeadlineExceededError)


def test_it_is_computed_if_anyone_still_waits() -> None:
    with rig() as r:
        r.occupy()
        gone: list[bool] = []
        first = r.ask([encoded(5)], Caller(is_abandoned=lambda: bool(gone)))
        r.wait_for(lambda: r.pipeline._batcher.backlog() == 2)
        hurried = r.ask([encoded(5)], Caller(deadline=time.monotonic() + 0.1))
        patient = r.ask([encoded(5)])
        r.wait_for(lambda: r.statistics["shared"] == 2)
        gone.append(True)
        assert isinstance(hurried.result(timeout=10)[0], DeadlineExceededError)
        r.engine.free.set()
        assert belongs(patient.result(timeout=10)[0], 5)
        first.result(timeout=10)
        assert r.batches == 2


def test_it_is_not_computed_when_all_have_gone() -> None:
    with rig() as r:
        r.occupy()
        abandoned = [r.ask([encoded(5)], Caller(is_abandoned=lambda: r.batches > 0)) for _ in "ab"]
        r.wait_for(lambda: r.statistics["shared"] == 1)
        r.engine.free.set()
        for answer in abandoned:
            assert isinstance(answer.result(timeout=10)[0], DeadlineExceededError)
        assert (r.statistics["dropped"], r.batches) == (1, 1)
        assert belongs(r.score(encoded(5)), 5)


def test_nothing_is_left_behind() -> None:
    with rig() as r:
        r.ask([encoded(mark % 5) for mark in range(20)]).result(timeout=10)
        r.score(b"text")
        r.score(encoded(1), Caller(time.monotonic() - 1))
        assert r.pipeline._flights._under_way == {}
        assert r.pipeline._admission._arriving == 0
        assert r.pipeline._batcher.backlog() == 0
