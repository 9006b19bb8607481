"""When to send an image again, and how long to wait before: as each failure deserves."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from scripts.azure.scoring.errors import ScoringError

# How often more, by status; 0 is a connection that broke. What is not here would fail again.
# 429 is limited by time alone, for the endpoint is well and will get to it. What took too long once
# (408, 504) may have waited behind others; an exception in the model (500) seldom goes away.
REPEATS = {0: 4, 408: 2, 429: 1000, 500: 2, 502: 4, 503: 6, 504: 2}
FIRST_WAIT = 0.5
LONGEST_WAIT = 10.0


class Patience:
    """How much there is left for one image.

    Args:
        seconds: Time for all attempts and the waits between them.
        clock: Tells the seconds since whenever.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._failures: Counter[int] = Counter()

    @property
    def left(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._end - self._clock())

    def wait_after(self, error: ScoringError) -> float | None:
        """Say how long to wait before the image is sent again.

        Args:
            error: What the latest attempt came to.

        Returns:
            Seconds; None to give up, because it would fail again or too late.
        """
        failures = self._failures
        failures[error.status] += 1
        if failures[error.status] > REPEATS.get(error.status, 0):
            return None
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures.total() - 1))
        # Clients refused together come back at different times.
        wait = (error.retry_after or 0) + random.uniform(wait / 2, wait)
        return wait if wait < self.left else None
