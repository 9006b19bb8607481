from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from datetime import datetime

import pytest

from scripts.azure.rollout.metrics import Requests
from scripts.azure.rollout.watch import Limits, Watch, exceeds
from scripts.azure.scoring.client import Scored
from scripts.azure.scoring.errors import ScoringError

LIMITS = Limits(errors=1, slowdown=1.5)


class Deployment:
    """Answers as fast as told, or fails; without waiting for it."""

    def __init__(self, milliseconds: float = 100, failing: bool = False) -> None:
        self.milliseconds = milliseconds
        self.failing = failing
        self.asked = 0

    def score(self, image: bytes) -> Scored:
        self.asked += 1
        if self.failing:
            raise ScoringError("The endpoint answered 500: no", 500, "http_500")
        return Scored({}, {}, self.milliseconds / 1000, 1)


def watch(
    old: Deployment,
    new: Deployment,
    seen: Mapping[str, Requests | None] | None = None,
    limits: Limits = LIMITS,
    old_is_live: bool = True,
) -> str | None:
    def read(name: str, since: datetime) -> Requests | None:
        return (seen or {}).get(name)

    images = [b"image"] * 9
    return Watch(("blue", old), ("green", new), images, limits, read).run(
        0, old_is_live=old_is_live
    )


def test_a_sound_deployment_passes_and_was_asked() -> None:
    old, new = Deployment(), Deployment(120)
    assert watch(old, new) is None
    assert old.asked == new.asked == 9


def test_probes_that_fail() -> None:
    breach = watch(Deployment(), Deployment(failing=True))
    assert breach is not None
    assert "2 of 2 probes of green failed" in breach
    assert "500" in breach


def test_both_fail_alike_when_the_own_network_is_down() -> None:
    assert watch(Deployment(failing=True), Deployment(failing=True)) is None


def test_slow_probes() -> None:
    breach = watch(Deployment(100), Deployment(400))
    assert breach == "probes of green take 400 ms, of blue 100 ms"


@pytest.mark.parametrize("slow", [range(8), range(10, 18), range(4, 14)])
def test_a_moment_in_which_all_is_slow_counts_against_both(slow: range) -> None:
    moments = itertools.count()

    class Moody(Deployment):
        def score(self, image: bytes) -> Scored:
            self.milliseconds = 1000 if next(moments) in slow else 100
            return super().score(image)

    assert watch(Moody(), Moody()) is None
    assert next(moments) == 18


def test_small_differences_are_no_breach_however_large_their_ratio() -> None:
    assert watch(Deployment(5), Deployment(40)) is None


@pytest.mark.parametrize(
    ("blue", "green", "breach"),
    [
        (Requests(1000, 0, 100), Requests(100, 0, 120), None),
        (Requests(1000, 0, 100), Requests(100, 30, 100), "30 of 100 requests"),
        (Requests(1000, 300, 100), Requests(100, 30, 100), None),  # no worse than the old one
        (Requests(1000, 0, 100), Requests(30, 1, 100), None),  # one failure proves nothing
        (Requests(1000, 0, 100), Requests(100, 0, 300), "95th percentile"),
        (Requests(1000, 0, 100), Requests(20, 0, 300), None),  # too few for a percentile
        (Requests(0, 0, None), Requests(0, 0, None), None),
    ],
)
def test_what_azure_monitor_saw(blue: Requests, green: Requests, breach: str | None) -> None:
    found = watch(Deployment(), Deployment(), {"blue": blue, "green": green})
    assert (found is None) == (breach is None)
    if breach:
        assert breach in str(found)


def test_latency_of_real_requests_is_not_compared_with_that_of_probes() -> None:
    seen = {"blue": Requests(180, 0, 100), "green": Requests(100, 0, 300)}
    assert watch(Deployment(), Deployment(), seen, old_is_live=False) is None
    limits = Limits(errors=1, slowdown=1.5, p95_ms=250)
    breach = watch(Deployment(), Deployment(), seen, limits, old_is_live=False)
    assert breach == "95th percentile of green is 300 ms"


def test_without_metrics_the_probes_decide(capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(Deployment(), Deployment(), {}) is None
    assert "Azure Monitor: cannot be read" in capsys.readouterr().out


@pytest.mark.parametrize("total", [9, 40, 1000, 50_000])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_the_limit_is_rarely_crossed_by_chance_but_surely_by_twice_the_rate(
    total: int, rate: float
) -> None:
    generator = random.Random(total)
    p_breach = sum(
        exceeds(sum(generator.random() < rate for _ in range(total)), total, rate)
        for _ in range(200 if total < 5000 else 10)
    ) / (200 if total < 5000 else 10)
    assert p_breach < 0.05
    if total >= 1000:
        assert exceeds(2 * rate * total, total, rate)


def test_edges_of_the_test() -> None:
    assert not exceeds(0, 0, 0.01)
    assert not exceeds(0, 50, 0)
    assert exceeds(1, 50, 0)
    assert not exceeds(1, 9, 0.01)
    assert exceeds(2, 9, 0.01)
    assert not exceeds(50, 50, 1.2)
