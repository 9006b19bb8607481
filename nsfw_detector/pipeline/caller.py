"""Who waits for results, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asked for some images to be scored.

    Attributes:
        deadline: When results are of no more use, as `time.monotonic` counts; None: never.
        is_abandoned: Tells whether whoever asked has gone; None: they stay. Called from any thread.
    """

    deadline: float | None = None
    is_abandoned: Callable[[], bool] | None = None

    def waits(self) -> bool:
        """Whether a result would still be of use."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            return False
        return self.is_abandoned is None or not self.is_abandoned()

    def seconds_left(self) -> float | None:
        """Give the time left, which may be none; None: no end."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
