from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from scripts.azure.invoking.in_order import AHEAD, in_order


def test_order_whatever_takes_long() -> None:
    rng = random.Random(0)
    seconds = [rng.choice((0, 0.01)) for _ in range(200)]

    def work(n: int) -> int:
        time.sleep(seconds[n])
        return n

    assert list(in_order(work, range(200), 8)) == list(range(200))


def test_so_many_at_once_and_no_more() -> None:
    lock = threading.Lock()
    together = threading.Barrier(4)
    running = most = 0

    def work(n: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(timeout=60)  # for three others
        with lock:
            running -= 1

    list(in_order(work, range(100), 4))
    assert most == 4


def test_items_are_taken_as_needed() -> None:
    taken = 0
    stuck = threading.Event()

    def items() -> Iterator[int]:
        nonlocal taken
        for n in range(10_000):
            taken += 1
            yield n

    def work(n: int) -> int:
        if n == 0:
            stuck.wait(5)
        return n

    rows = in_order(work, items(), 2)
    threading.Timer(0.3, stuck.set).start()
    assert next(rows) == 0
    assert taken <= 2 * AHEAD + 1
    rows.close()  # type: ignore[attr-defined]


def test_first_results_do_not_wait_for_the_last() -> None:
    release = threading.Event()

    def work(n: int) -> int:
        if n == 5:
            release.wait(5)
        return n

    rows = in_order(work, range(1000), 4)
    assert [next(rows) for _ in range(5)] == [0, 1, 2, 3, 4]
    release.set()
    assert len(list(rows)) == 995


def test_what_is_done_is_given_before_more_is_taken() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for n in range(1000):
            time.sleep(0.01)
            taken += 1
            yield n

    rows = in_order(lambda n: n, items(), 4)
    for n in range(20):
        assert next(rows) == n
        assert taken <= n + AHEAD


def test_error_ends_it() -> None:
    done: list[int] = []

    def work(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        done.append(n)
        return n

    results: list[int] = []
    with pytest.raises(ValueError, match="three"):
        results.extend(in_order(work, range(10_000), 2))
    assert len(done) < 200
