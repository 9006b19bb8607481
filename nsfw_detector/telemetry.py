"""What has happened in this process so far, in numbers. Nothing here tells one image from another.

All of them only grow, so that whoever asks twice has the numbers of the time between.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypeAlias

from typing_extensions import TypedDict

Event: TypeAlias = Literal["rejected", "dropped", "shared", "cache_hits", "cache_misses"]


class Statistics(TypedDict):
    """What has happened since the start.

    `images`: results given, errors among them; `errors`: those by code. `rejected`: requests
    refused for lack of time. `dropped`: pictures not scored because nobody waited any longer.
    `shared`: images whose bytes were being scored already. `cache_hits`, `cache_misses`: images
    looked up among earlier results, if these are kept. `batches`: calls of the model;
    `batch_sizes`: those by the number of pictures (a frame, or a page colour, is one).
    `queue_seconds`: time that pictures waited for the model; `inference_seconds`: time that
    it worked.
    """

    images: int
    errors: dict[str, int]
    rejected: int
    dropped: int
    shared: int
    cache_hits: int
    cache_misses: int
    batches: int
    batch_sizes: dict[str, int]
    queue_seconds: float
    inference_seconds: float


class Telemetry:
    """Counters that any thread may add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: Counter[Event] = Counter()
        self._images = 0
        self._errors: Counter[str] = Counter()
        self._batch_sizes: Counter[int] = Counter()
        self._queue_seconds = 0.0
        self._inference_seconds = 0.0

    def count(self, event: Event) -> None:
        """Count an event."""
        with self._lock:
            self._events[event] += 1

    def count_results(self, errors: Iterable[str | None]) -> None:
        """Count results, each given as its error code, or None if it has none."""
        with self._lock:
            for code in errors:
                self._images += 1
                if code is not None:
                    self._errors[code] += 1

    def count_batch(self, size: int, queue_seconds: float, inference_seconds: float) -> None:
        """Count a batch, with the time that all its pictures together had waited."""
        with self._lock:
            self._batch_sizes[size] += 1
            self._queue_seconds += queue_seconds
            self._inference_seconds += inference_seconds

    def snapshot(self) -> Statistics:
        """Give all counters as they stand together."""
        with self._lock:
            return {
                "images": self._images,
                "errors": dict(self._errors),
                "rejected": self._events["rejected"],
                "dropped": self._events["dropped"],
                "shared": self._events["shared"],
                "cache_hits": self._events["cache_hits"],
                "cache_misses": self._events["cache_misses"],
                "batches": self._batch_sizes.total(),
                "batch_sizes": {str(n): self._batch_sizes[n] for n in sorted(self._batch_sizes)},
                "queue_seconds": round(self._queue_seconds, 3),
                "inference_seconds": round(self._inference_seconds, 3),
            }
