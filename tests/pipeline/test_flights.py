"""Who shares a flight with whom, in orders of events that threads would hit only by chance."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from nsfw_detector.errors import ImageError, InferenceError
from nsfw_detector.pipeline.batcher import ModelOutput
from nsfw_detector.pipeline.caller import Caller
from nsfw_detector.pipeline.flights import Flight, Flights, SubmittedImage
from nsfw_detector.telemetry import Telemetry

DATA = b"an image"
STAYS = Caller()
HAS_GONE = Caller(is_abandoned=lambda: True)


def submit(flight: Flight) -> Future[ModelOutput]:
    output: Future[ModelOutput] = Future()
    flight.submit(lambda: SubmittedImage(1, 1, "PNG", 1, ((0, output),)))
    return output


def test_a_flight_that_was_given_up_is_not_joined() -> None:
    flights = Flights(0, Telemetry())
    first, _ = flights.join(DATA, HAS_GONE)
    assert not flights.is_wanted(first)
    second, is_new = flights.join(DATA, STAYS)
    assert is_new
    flights.leave(first, HAS_GONE)
    third, is_new = flights.join(DATA, STAYS)
    assert (third, is_new) == (second, False), "who leaves the old one leaves the new one as it is"
    assert flights.is_wanted(second)


def test_one_who_stays_is_enough() -> None:
    flights = Flights(0, Telemetry())
    flight, _ = flights.join(DATA, HAS_GONE)
    assert flights.join(DATA, STAYS) == (flight, False)
    assert flights.is_wanted(flight)
    flights.leave(flight, STAYS)
    assert not flights.is_wanted(flight)


@pytest.mark.parametrize("kind", ["image", "output", "cancelled", "not finite"])
def test_a_failed_flight_is_not_joined(kind: str) -> None:
    flights = Flights(10, Telemetry())
    first, _ = flights.join(DATA, STAYS)

    def fail() -> SubmittedImage:
        raise ImageError("damaged")

    if kind == "image":
        first.submit(fail)
    else:
        output = submit(first)
        assert first.outcome() is None
        if kind == "output":
            output.set_exception(InferenceError("failed"))
        elif kind == "cancelled":
            output.cancel()
        else:
            output.set_result(ModelOutput(np.array([np.nan]), np.array([0.0])))
    assert first.outcome() is False
    second, is_new = flights.join(DATA, STAYS)
    assert is_new
    assert second is not first


def test_an_interrupt_reaches_its_caller_and_strands_nobody() -> None:
    flights = Flights(0, Telemetry())
    flight, _ = flights.join(DATA, STAYS)

    def interrupt() -> SubmittedImage:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flight.submit(interrupt)
    with pytest.raises(InferenceError):
        flight.wait(STAYS)
