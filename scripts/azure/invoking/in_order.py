"""Work on many things at once and take the results in order, with few of them under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 16
"""Results that may wait for an earlier one, per thread."""


def in_order(work: Callable[[T], R], items: Iterable[T], concurrency: int) -> Iterator[R]:
    """Give `work(item)` for each item, in the order of the items.

    Args:
        work: Called from several threads. What it raises ends the iteration.
        items: Taken one by one, not all at once.
        concurrency: Calls at the same time.
    """
    # Its threads, unlike those of concurrent.futures, do not hold up the end of the process.
    with ThreadPool(concurrency) as pool:
        pending: deque[AsyncResult[R]] = deque()
        for item in items:
            pending.append(pool.apply_async(work, (item,)))
            while pending and (pending[0].ready() or len(pending) >= AHEAD * concurrency):
                yield pending.popleft().get()
        while pending:
            yield pending.popleft().get()
