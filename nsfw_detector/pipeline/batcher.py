"""Model inputs of many threads -> batches for the one engine, without ever waiting for more.

When the engine is free it takes what is queued, up to the batch size. That adds no delay when
there is little to do, and forms batches by itself when there is much.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.engines import EngineOutput
from nsfw_detector.errors import DeadlineExceededError, InferenceError
from nsfw_detector.pipeline.cost_model import CostModel
from nsfw_detector.telemetry import Telemetry

logger = logging.getLogger(__name__)

Infer: TypeAlias = Callable[[NDArray[np.uint8]], EngineOutput]


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What the model says of one image, all float32.

    Attributes:
        logits: Shape (classes,).
        embedding: Shape (features,).
        layers: For each chosen block, shape (features,).
    """

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    layers: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    image: NDArray[np.uint8]
    is_wanted: Callable[[], bool]
    future: Future[ModelOutput] = field(default_factory=Future)
    queued_at: float = field(default_factory=time.monotonic)

    def start(self) -> bool:
        """Whether it is to be computed. If not, its future is settled."""
        if not self.future.set_running_or_notify_cancel():
            return False
        try:
            if self.is_wanted():
                return True
        except Exception as error:
            self.future.set_exception(error)
        else:
            self.future.set_exception(DeadlineExceededError())
        return False


class Batcher:
    """Owns the engine: one thread calls it, all others hand in images and get futures.

    Args:
        infer: The engine's function, called from one thread only.
        batch_size: Most images per call.
        cost: Learns what each call has taken.
        telemetry: Counts the calls.
        queue_size: Images that may wait; whoever hands in one more waits for a place.
    """

    def __init__(
        self,
        infer: Infer,
        batch_size: int,
        cost: CostModel,
        telemetry: Telemetry,
        queue_size: int = 64,
    ) -> None:
        self._infer = infer
        self._batch_size = batch_size
        self._cost = cost
        self._telemetry = telemetry
        self._queue_size = queue_size
        self._queue: deque[_Item] = deque()
        self._unfinished = 0
        self._closed = False
        lock = threading.Lock()
        self._has_place, self._has_work = threading.Condition(lock), threading.Condition(lock)
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def backlog(self) -> int:
        """Tell how many images wait or are being computed."""
        return self._unfinished

    def submit(
        self, image: NDArray[np.uint8], is_wanted: Callable[[], bool] = lambda: True
    ) -> Future[ModelOutput]:
        """Queue one model input.

        Args:
            image: uint8 (height, width, 3).
            is_wanted: Asked once, when its turn has come, by the engine's thread.

        Returns:
            A future of its output. It raises InferenceError if the engine failed on this image, and
            DeadlineExceededError if it was not wanted. It can be cancelled while it waits.

        Raises:
            InferenceError: The batcher is closed.
        """
        item = _Item(image, is_wanted)
        with self._has_place:
            self._has_place.wait_for(lambda: self._closed or len(self._queue) < self._queue_size)
            if self._closed:
                raise InferenceError("The detector has been closed.")
            self._queue.append(item)
            self._unfinished += 1
            self._has_work.notify()
        return item.future

    def close(self) -> None:
        """Finish what is queued, then end the engine's thread."""
        with self._has_work:
            self._closed = True
            self._has_work.notify_all()
            self._has_place.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            self._run(batch)

    def _next_batch(self) -> list[_Item]:
        """Wait until there is work, and take it; empty when closed and all is done."""
        batch: list[_Item] = []
        while len(batch) < self._batch_size and (item := self._next(wait=not batch)):
            if item.start():
                batch.append(item)
            else:
                self._telemetry.count("dropped")
                self._finish(1)
        return batch

    def _next(self, *, wait: bool) -> _Item | None:
        with self._has_work:
            if wait:
                self._has_work.wait_for(lambda: self._queue or self._closed)
            if not self._queue:
                return None
            self._has_place.notify()
            return self._queue.popleft()

    def _finish(self, n: int) -> None:
        with self._has_work:
            self._unfinished -= n

    def _run(self, batch: Sequence[_Item]) -> None:
        # Whatever happens, every future of this batch is settled and the thread lives on.
        started = time.monotonic()
        try:
            outputs = self._outputs(np.stack([item.image for item in batch]))
        except BaseException as error:
            if len(batch) == 1:
                self._fail(batch[0], error)
                return
            outputs = []
        if not outputs:  # one bad input must not cost its neighbours their results
            for item in batch:
                self._run([item])
            return
        seconds = time.monotonic() - started
        self._cost.observe(len(batch), seconds)
        waited = sum(started - item.queued_at for item in batch)
        self._telemetry.count_batch(len(batch), waited, seconds)
        # Before the results are known, so that whoever has one finds the engine free.
        self._finish(len(batch))
        for item, output in zip(batch, outputs, strict=True):
            item.future.set_result(output)

    def _fail(self, item: _Item, error: BaseException) -> None:
        logger.error("The engine failed.", exc_info=error)
        failure = InferenceError(
            f"The engine failed on this image ({type(error).__name__}). Send it again; if it fails "
            "again, see the log of the deployment."
        )
        failure.__cause__ = error
        self._finish(1)
        item.future.set_exception(failure)

    def _outputs(self, images: NDArray[np.uint8]) -> list[ModelOutput]:
        output = self._infer(images)
        # Copied, so that a result which is kept does not keep its whole batch.
        rows = zip(output.logits, output.embeddings, *output.layers, strict=True)
        outputs = [
            ModelOutput(logits.copy(), embedding.copy(), tuple(layer.copy() for layer in layers))
            for logits, embedding, *layers in rows
        ]
        if len(outputs) != len(images):
            raise ValueError(f"{len(outputs)} outputs for {len(images)} images")
        return outputs
