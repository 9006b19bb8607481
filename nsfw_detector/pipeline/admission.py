"""Whether a request can be done in time, judged before anything is done for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from nsfw_detector.errors import OverloadedError
from nsfw_detector.pipeline.cost_model import CostModel
from nsfw_detector.telemetry import Telemetry

Item = TypeVar("Item")


class Admission:
    """Refuses what would wait too long for the engine.

    A request counts as a whole, from its admission on: an image that is still being decoded is on
    its way to the engine as much as one that is queued.

    Args:
        backlog: Tells how many images wait for the engine or are being computed.
        batch_size: Most images that the engine computes at once.
        cost: Tells how long that takes.
        telemetry: Counts the refusals.
        clock: Gives seconds as `time.monotonic` does.
    """

    def __init__(
        self,
        backlog: Callable[[], int],
        batch_size: int,
        cost: CostModel,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backlog = backlog
        self._batch_size = batch_size
        self._cost = cost
        self._telemetry = telemetry
        self._clock = clock
        self._lock = threading.Lock()
        self._arriving = 0

    @contextmanager
    def admit(self, images: Sequence[Item], deadline: float | None) -> Iterator[Iterator[Item]]:
        """Admit the images of a request together, to be handed in one by one.

        Args:
            images: Of any kind.
            deadline: Until when all must be done; None: whenever it may be.

        Yields:
            The images; asking for the next tells that the last is with the engine, or needs it not.

        Raises:
            OverloadedError: They would not be done in time.
        """
        left = len(images)
        with self._lock:
            self._check(left, deadline)
            self._arriving += left

        def one_by_one() -> Iterator[Item]:
            nonlocal left
            for image in images:
                yield image
                left -= 1
                self._arrived(1)

        try:
            yield one_by_one()
        finally:
            self._arrived(left)

    def _arrived(self, n: int) -> None:
        with self._lock:
            self._arriving -= n

    def _check(self, n: int, deadline: float | None) -> None:
        ahead = self._arriving + self._backlog()
        # A free engine refuses nothing: the estimate may be wrong, and only work can correct it.
        if deadline is None or not ahead:
            return
        left = deadline - self._clock()
        late = self._seconds(ahead + n) - left
        if late <= 0:
            return
        self._telemetry.count("rejected")
        advice = "fewer images" if self._seconds(n) > left else "it again"
        # What waits now is done or given up by its own deadline, which is no later than this one.
        raise OverloadedError(
            f"Too much waits to be scored; this request would be {late:.1f} s late. "
            f"Send {advice} after the time in Retry-After.",
            retry_after=min(late, left),
        )

    def _seconds(self, n: int) -> float:
        return self._cost.seconds(n, n_batches=-(-n // self._batch_size))
