"""What is refused and what is not, on a clock of its own."""

from __future__ import annotations

from contextlib import suppress

import pytest

from nsfw_detector.errors import OverloadedError
from nsfw_detector.pipeline.admission import Admission
from nsfw_detector.pipeline.cost_model import CostModel
from nsfw_detector.telemetry import Telemetry

NOW = 1000.0


class Engine:
    """What admission knows of the engine: 0.5 s an image, 1 s a batch of up to 4 images."""

    def __init__(self, backlog: int = 0) -> None:
        self.backlog = backlog
        self.telemetry = Telemetry()
        self.admission = Admission(
            lambda: self.backlog, 4, CostModel(0.5, 1.0), self.telemetry, lambda: NOW
        )

    def admits(self, n: int, within: float | None) -> bool:
        try:
            with self.admission.admit(range(n), None if within is None else NOW + within) as images:
                assert list(images) == list(range(n))
        except OverloadedError:
            return False
        return True


@pytest.mark.parametrize(
    ("backlog", "n", "seconds"),
    [(1, 1, 2.0), (3, 1, 3.0), (4, 1, 4.5), (2, 6, 6.0), (2, 7, 7.5)],
)
def test_a_request_is_admitted_if_all_of_it_will_be_done_in_time(
    backlog: int, n: int, seconds: float
) -> None:
    engine = Engine(backlog)
    assert engine.admits(n, within=seconds)
    assert not engine.admits(n, within=seconds - 0.01)
    assert engine.telemetry.snapshot()["rejected"] == 1


def test_without_a_deadline_nothing_is_refused() -> None:
    assert Engine(backlog=10_000).admits(10_000, within=None)


def test_a_free_engine_refuses_nothing() -> None:
    """The estimate may be far too high, and no work means that it stays so."""
    engine = Engine()
    assert engine.admits(100, within=1.0)
    assert engine.admits(1, within=-1.0)
    engine.backlog = 1
    assert not engine.admits(1, within=1.0)


def test_images_count_from_their_admission_until_they_are_with_the_engine() -> None:
    engine = Engine()
    with engine.admission.admit("abcd", NOW + 3) as images:
        next(images)
        assert not engine.admits(1, within=4.0), "five images, two batches: 4.5 s"
        next(images)
        next(images)
        assert engine.admits(1, within=3.0), "two are not yet with the engine: 2.5 s"
    assert engine.admits(1, within=0.1), "the request has ended, its last images without arriving"


def test_an_ended_request_leaves_nothing_behind() -> None:
    engine = Engine()
    with suppress(RuntimeError), engine.admission.admit("abcd", None) as images:
        next(images)
        raise RuntimeError
    assert engine.admits(1, within=0.1)


@pytest.mark.parametrize(
    ("backlog", "n", "within", "retry_after", "advice"),
    [
        (4, 1, 4.4, 1, "it again"),  # late by 0.1 s
        (12, 1, 6.0, 5, "it again"),  # late by 4.5 s
        (1000, 1, 6.0, 6, "it again"),  # what waits will have been given up by then
        (1, 20, 6.0, 6, "fewer images"),
    ],
)
def test_a_refusal_says_what_to_do(
    backlog: int, n: int, within: float, retry_after: int, advice: str
) -> None:
    with (
        pytest.raises(OverloadedError, match=f"Send {advice} ") as refusal,
        Engine(backlog).admission.admit(range(n), NOW + within),
    ):
        pass
    assert refusal.value.retry_after == retry_after
    assert refusal.value.status == 429
