"""The way of an image to the engine: admitted, loaded, shared, decoded, transformed, queued.

Decoding is done in the threads of the callers, beside the engine's.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from nsfw_detector.engines import Engine
from nsfw_detector.errors import DeadlineExceededError, DetectorError
from nsfw_detector.images import ImageLimits
from nsfw_detector.pipeline.admission import Admission
from nsfw_detector.pipeline.batcher import Batcher
from nsfw_detector.pipeline.caller import Caller
from nsfw_detector.pipeline.cost_model import calibrate
from nsfw_detector.pipeline.flights import Flight, Flights, ScoredImage, SubmittedImage
from nsfw_detector.pipeline.sources import Loaded, Source, decode_loaded, load
from nsfw_detector.settings import Settings
from nsfw_detector.telemetry import Telemetry
from nsfw_detector.threads import concurrent_decodes
from nsfw_detector.transform import Preprocess, Transform


class Pipeline:
    """Takes images of any number of threads to the one engine, and gives what the model says.

    Args:
        engine: From now on only this calls it.
        preprocess: How the engine wants its input.
        settings: What an image may cost, how it is decoded, and how many results are kept.
        telemetry: Counts what happens.

    Attributes:
        concurrency: Images under way at once that keep decoders and engine busy.
    """

    def __init__(
        self,
        engine: Engine,
        preprocess: Preprocess,
        settings: Settings,
        telemetry: Telemetry,
    ) -> None:
        self._transform = Transform(preprocess)
        self._enough = self._transform.enough if settings.scaled_decoding else None
        self._limits = ImageLimits(
            max_bytes=settings.max_image_bytes,
            max_pixels=settings.max_image_pixels,
            max_frames=settings.max_frames,
        )
        self._decoding = threading.BoundedSemaphore(concurrent_decodes())
        self._flights = Flights(settings.result_cache_size, telemetry)
        cost, batch_size = calibrate(engine, (preprocess.height, preprocess.width))
        self._batcher = Batcher(engine.infer, batch_size, cost, telemetry)
        # One batch in the engine, one ready for it, and the decoders busy with the next.
        self.concurrency = 2 * batch_size + concurrent_decodes()
        self._admission = Admission(self._batcher.backlog, batch_size, cost, telemetry)

    def score(self, sources: Sequence[Source], caller: Caller) -> list[ScoredImage | DetectorError]:
        """Score images.

        Args:
            sources: The images.
            caller: Who waits for them.

        Returns:
            In order, each image with all its outputs there, or what kept it from being scored.

        Raises:
            OverloadedError: They could not all be scored by the caller's deadline.
        """
        flights: list[Flight | DetectorError] = []
        try:
            # All images are handed in before the first result is awaited: decoding the next one
            # runs beside the engine.
            with self._admission.admit(sources, caller.deadline) as admitted:
                for source in admitted:
                    flights.append(self._submit(source, caller))
            return [_wait(flight, caller) for flight in flights]
        finally:
            for flight in flights:
                if isinstance(flight, Flight):
                    self._flights.leave(flight, caller)

    def close(self) -> None:
        """Finish what is queued and end the engine's thread."""
        self._batcher.close()

    def _submit(self, source: Source, caller: Caller) -> Flight | DetectorError:
        if not caller.waits():
            return DeadlineExceededError()
        try:
            image = load(source, self._limits)
        except DetectorError as error:
            return error
        flight, is_new = self._flights.join(image if isinstance(image, bytes) else None, caller)
        if is_new:
            try:
                flight.submit(lambda: self._hand_in(image, flight))
            except BaseException:
                self._flights.leave(flight, caller)
                raise
        return flight

    def _hand_in(self, image: Loaded, flight: Flight) -> SubmittedImage:
        with self._decoding:
            decoded = decode_loaded(image, self._limits, self._enough)
            inputs = [(frame.index, self._transform(frame.image)) for frame in decoded.frames]

        def is_wanted() -> bool:
            return self._flights.is_wanted(flight)

        pictures = tuple(
            (index, self._batcher.submit(model_input, is_wanted)) for index, model_input in inputs
        )
        return SubmittedImage(
            decoded.width, decoded.height, decoded.format, decoded.n_frames, pictures
        )


def _wait(flight: Flight | DetectorError, caller: Caller) -> ScoredImage | DetectorError:
    try:
        return flight if isinstance(flight, DetectorError) else flight.wait(caller)
    except DetectorError as error:
        return error
