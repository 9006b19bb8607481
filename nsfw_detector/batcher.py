"""Requests of many threads -> batches for the one engine, without ever waiting for more.

When the engine is free it takes what is queued, up to its batch size. That adds no delay when
there is little to do, and forms batches by itself when there is much.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.engines import EngineOutput
from nsfw_detector.errors import InferenceError

Infer = Callable[[NDArray[np.uint8]], EngineOutput]


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What the model says of one image: logits (classes,) and embedding (features,), float32."""

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Item:
    image: NDArray[np.uint8]
    future: Future[ModelOutput]


class Batcher:
    """Owns the engine: one thread calls it, all others hand in images and get futures.

    Args:
        infer: The engine's function, called from one thread only.
        max_batch_size: Most images per call.
        queue_size: Images that may wait; whoever hands in one more waits for a place.
    """

    def __init__(self, infer: Infer, max_batch_size: int, queue_size: int = 64) -> None:
        self._infer = infer
        self._max_batch_size = max_batch_size
        self._queue: queue.Queue[_Item | None] = queue.Queue(queue_size)
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def submit(self, image: NDArray[np.uint8]) -> Future[ModelOutput]:
        """Queue one model input, uint8 (height, width, 3).

        Returns:
            A future of its output. It raises InferenceError if the engine failed on its batch.
        """
        item = _Item(image, Future())
        self._queue.put(item)
        return item.future

    def close(self) -> None:
        """Finish what is queued, then end the engine's thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while True:
            first = self._queue.get()
            batch = [] if first is None else [first, *self._waiting()]
            # A caller that has given up cancels its future: nothing is computed for it.
            batch = [item for item in batch if item.future.set_running_or_notify_cancel()]
            if batch:
                self._run(batch)
            if first is None:
                return

    def _waiting(self) -> list[_Item]:
        items: list[_Item] = []
        while len(items) < self._max_batch_size - 1:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:  # closing: leave it for the next round
                self._queue.put(None)
                break
            items.append(item)
        return items

    def _run(self, batch: list[_Item]) -> None:
        # Whatever happens, every future of this batch is resolved and the thread lives on.
        try:
            output = self._infer(np.stack([item.image for item in batch]))
            rows = [
                ModelOutput(logits, embedding)
                for logits, embedding in zip(output.logits, output.embeddings, strict=True)
            ]
            for item, row in zip(batch, rows, strict=True):
                item.future.set_result(row)
        except Exception as error:
            failure = InferenceError(
                f"The engine failed on this batch ({type(error).__name__}). Send the image again; "
                "if it stays, see the log of the deployment."
            )
            failure.__cause__ = error
            for item in batch:
                if not item.future.done():
                    item.future.set_exception(failure)
