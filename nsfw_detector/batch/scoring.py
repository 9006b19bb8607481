"""Files -> results, in order, with decoding ahead of the engine and bounded memory."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

from nsfw_detector.batch.video import HEAD_BYTES, is_video, sample_frames
from nsfw_detector.detector import Detector, severity
from nsfw_detector.errors import DetectorError
from nsfw_detector.images import ImageLimits
from nsfw_detector.results import Detection, Result


@dataclass(frozen=True, slots=True)
class FileScore:
    """What came of one file.

    Attributes:
        file: As it was given.
        result: Its detection, or its error.
        milliseconds: From reading it until its result was there, waiting for the engine included.
    """

    file: str
    result: Result
    milliseconds: float


def score_files(
    detector: Detector, files: Iterable[str | os.PathLike[str]], *, embedding: bool = False
) -> Iterator[FileScore]:
    """Score any number of files.

    As many are under way at once as keep the engine busy, and no more: memory does not grow with
    the number of files, and a long iterable is read only as far as needed.

    Args:
        detector: Scores them.
        files: Local paths.
        embedding: Whether to give the embeddings.

    Yields:
        One score for each file, in order, whatever the file holds.
    """

    def score(file: str) -> FileScore:
        started = time.perf_counter()
        result = _score_file(detector, file, embedding)
        return FileScore(file, result, (time.perf_counter() - started) * 1000)

    ahead = detector.concurrency
    under_way: deque[Future[FileScore]] = deque()
    with ThreadPoolExecutor(ahead, thread_name_prefix="file") as pool:
        try:
            for file in files:
                # One more than the threads take, so that none ever waits for this one.
                if len(under_way) > ahead:
                    yield under_way.popleft().result()
                under_way.append(pool.submit(score, os.fspath(file)))
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:  # whoever iterates has stopped early
                future.cancel()


def _score_file(detector: Detector, file: str, embedding: bool) -> Result:
    try:
        with open(file, "rb") as opened:
            if is_video(opened.read(HEAD_BYTES)):
                opened.seek(0)
                return _score_video(detector, opened, embedding)
    except OSError:
        pass  # the detector says what is wrong with it
    except DetectorError as error:
        return error
    (result,) = detector.detect([file], embedding=embedding)
    return result


def _score_video(detector: Detector, file: BinaryIO, embedding: bool) -> Result:
    """Score sampled frames, and give the worst; what is to be blocked needs no further look."""
    settings = detector.settings
    limits = ImageLimits(settings.max_image_bytes, settings.max_image_pixels, max_frames=1)
    worst: Detection | None = None
    with closing(sample_frames(file, settings.max_video_frames, limits)) as frames:
        for frame in frames:
            (result,) = detector.detect([frame.pixels], embedding=embedding)
            if isinstance(result, DetectorError):
                return result
            if worst is None or severity(result) > severity(worst):
                worst = replace(
                    result,
                    format=frame.format,
                    frames=frame.n_frames,
                    frame=frame.index,
                    seconds=round(frame.seconds, 3),
                )
            if worst.decision == "block":
                break
    assert worst is not None  # sample_frames gives one, or raises
    return worst
