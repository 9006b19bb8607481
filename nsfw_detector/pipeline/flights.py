"""Exact repeats of an image share one computation while it is under way, and later if kept.

Two images are the same if all their bytes are, by SHA-256; nothing less is taken for a repeat,
since a result under the wrong image is the worst that can happen here. Checkpoint, transform and
limits are fixed for the process, so the bytes alone decide the outputs. What is shared is what the
model says; levels and decisions are made for each caller anew.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from nsfw_detector.errors import DeadlineExceededError, DetectorError, InferenceError
from nsfw_detector.pipeline.batcher import ModelOutput
from nsfw_detector.pipeline.caller import Caller
from nsfw_detector.telemetry import Telemetry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SubmittedImage:
    """An image whose pictures are with the engine; its pixels are no longer needed.

    Attributes:
        width: Width of the upright image in pixels.
        height: Height of the upright image in pixels.
        format: Of the file, as `images.DecodedImage` names it.
        n_frames: Frames that the file holds.
        pictures: For each picture to score, the index of its frame and its output to come.
    """

    width: int
    height: int
    format: str
    n_frames: int
    pictures: tuple[tuple[int, Future[ModelOutput]], ...]


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """What the model says of an image; the attributes are those of `SubmittedImage`."""

    width: int
    height: int
    format: str
    n_frames: int
    pictures: tuple[tuple[int, ModelOutput], ...]


class Flight:
    """One image under way: one caller's thread submits it, any number of callers wait for it."""

    def __init__(self, digest: bytes | None) -> None:
        self.digest = digest
        self.callers: list[Caller] = []
        self._image: Future[SubmittedImage] = Future()

    def submit(self, submit: Callable[[], SubmittedImage]) -> None:
        """Have the image decoded and handed to the engine; what comes of it is told by `wait`."""
        try:
            self._image.set_result(submit())
        except DetectorError as error:
            self._image.set_exception(error)
        except BaseException as error:
            logger.error("An image failed with %s", type(error).__name__)  # and no more: privacy
            failure = InferenceError("The image could not be scored.")
            failure.__cause__ = error
            self._image.set_exception(failure)
            if not isinstance(error, Exception):
                raise

    def wait(self, caller: Caller) -> ScoredImage:
        """Wait until all outputs are there.

        Raises:
            DeadlineExceededError: They are not there by the caller's deadline.
            DetectorError: What kept the image from being scored.
        """
        try:
            image = self._image.result(caller.seconds_left())
            pictures = tuple((i, out.result(caller.seconds_left())) for i, out in image.pictures)
        except TimeoutError:
            raise DeadlineExceededError from None
        return ScoredImage(image.width, image.height, image.format, image.n_frames, pictures)

    def outcome(self) -> bool | None:
        """Whether all outputs are there (True), one is no good (False), or it is open (None)."""
        if not self._image.done():
            return None
        if self._image.exception():
            return False
        outputs = [output for _, output in self._image.result().pictures]
        done = [output for output in outputs if output.done()]
        if not all(map(_is_good, done)):
            return False
        return True if len(done) == len(outputs) else None


class Flights:
    """The images under way, and those whose outputs are kept.

    Args:
        cache_size: How many images' outputs are kept; of more, those not asked for the longest go.
        telemetry: Counts repeats.
    """

    def __init__(self, cache_size: int, telemetry: Telemetry) -> None:
        self._cache_size = cache_size
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._under_way: dict[bytes, Flight] = {}
        self._kept: OrderedDict[bytes, Flight] = OrderedDict()

    def join(self, data: bytes | None, caller: Caller) -> tuple[Flight, bool]:
        """Take part in the flight of an image; to be left by `leave`.

        Args:
            data: The encoded image; None for one that cannot be told from others.
            caller: Who waits for it.

        Returns:
            The flight, and whether it is new, so that this caller has to submit the image.
        """
        digest = None if data is None else hashlib.sha256(data).digest()
        with self._lock:
            flight = self._find(digest) if digest else None
            is_new = flight is None
            if flight is None:
                flight = Flight(digest)
                if digest:
                    self._under_way[digest] = flight
            flight.callers.append(caller)
            return flight, is_new

    def is_wanted(self, flight: Flight) -> bool:
        """Whether any caller still waits. If not, whoever joins from now on flies anew."""
        with self._lock:
            wanted = any(caller.waits() for caller in flight.callers)
            if not wanted:
                self._forget(flight)
            return wanted

    def leave(self, flight: Flight, caller: Caller) -> None:
        """Wait no longer. When nobody does, the outputs are kept, if they are to be."""
        with self._lock:
            flight.callers.remove(caller)
            if flight.callers:
                return
            self._forget(flight)
            if flight.digest and self._cache_size and flight.outcome():
                self._kept[flight.digest] = flight
                self._kept.move_to_end(flight.digest)
                if len(self._kept) > self._cache_size:
                    self._kept.popitem(last=False)

    def _find(self, digest: bytes) -> Flight | None:
        flight = self._kept.get(digest)
        if flight is not None:
            self._telemetry.count("cache_hits")
            return flight
        flight = self._under_way.get(digest)
        if flight is not None and flight.outcome() is not False:
            self._telemetry.count("shared")
            return flight
        if self._cache_size:
            self._telemetry.count("cache_misses")
        return None

    def _forget(self, flight: Flight) -> None:
        if flight.digest and self._under_way.get(flight.digest) is flight:
            del self._under_way[flight.digest]


def _is_good(output: Future[ModelOutput]) -> bool:
    if output.cancelled() or output.exception():
        return False
    return bool(np.isfinite(output.result().logits).all())
