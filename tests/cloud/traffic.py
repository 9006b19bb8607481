"""Who gets a scoring request, how many are under way, and what came of each."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Scored:
    """One request that the scoring host answered.

    Attributes:
        when: It arrived.
        deployment: Id of the deployment that took it, in lower case.
        status: Of the answer.
        milliseconds: It took.
        mirrored: It was a copy, whose answer nobody got.
    """

    when: datetime
    deployment: str
    status: int
    milliseconds: float
    mirrored: bool = False


@dataclass(slots=True)
class Traffic:
    """The traffic of one test; safe from several threads.

    Attributes:
        answered: What was answered, in order.
    """

    answered: list[Scored] = field(default_factory=list)
    _shares: Counter[tuple[str, str]] = field(default_factory=Counter)
    _under_way: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def choose(self, key: str, weights: Mapping[str, int]) -> str | None:
        """The deployment whose turn it is, so that shares follow the weights exactly.

        Args:
            key: What the weights are of.
            weights: Percent by name; what is missing to 100 falls to nobody.

        Returns:
            A name, or None.
        """
        choices = {**weights, "": 100 - sum(weights.values())}
        with self._lock:
            for name, weight in choices.items():
                self._shares[key, name] += weight
            chosen = max(choices, key=lambda name: self._shares[key, name])
            self._shares[key, chosen] -= 100
        return chosen or None

    @contextmanager
    def slot(self, deployment: str, limit: int) -> Iterator[bool]:
        """Take a place among the requests under way at a deployment.

        Yields:
            Whether there was one.
        """
        with self._lock:
            free = self._under_way[deployment] < limit
            self._under_way[deployment] += 1
        try:
            yield free
        finally:
            with self._lock:
                self._under_way[deployment] -= 1

    def count(self, scored: Scored) -> None:
        """Note an answer."""
        with self._lock:
            self.answered.append(scored)


def now() -> datetime:
    """The time, as the metrics have it."""
    return datetime.now(UTC)
