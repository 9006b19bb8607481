"""Files -> results, in order, with decoding ahead of the engine and bounded memory."""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO, Self

from nsfw_detector.batch.video import HEAD_BYTES, VIDEO_FORMATS, is_video, sample_frames
from nsfw_detector.detector import Detector, severity
from nsfw_detector.errors import (
    DetectorError,
    ImageFormatError,
    ImageNotFoundError,
    ImageUnavailableError,
)
from nsfw_detector.images import ImageLimits
from nsfw_detector.results import Detection, Result

PAUSES = (0.5, 2.0)
"""Seconds before a file is tried again whose storage fails."""
_OF_ONE_FILE = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
}
"""What is wrong with the file, and stays so; all else is wrong with where it is stored."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file to score, wherever it is stored.

    Attributes:
        name: Under which its score is given.
        open: Opens it for reading, seekable; called in the thread that scores it. An `OSError` or
            a `DetectorError`, then or from reading, becomes its result; an `OSError` of the storage
            only after a few more tries.
    """

    name: str
    open: Callable[[], BinaryIO]

    @classmethod
    def of_file(cls, path: str | os.PathLike[str], name: str | None = None) -> Self:
        """Make the item of a local file, by default under its path as it is given."""
        return cls(os.fspath(path) if name is None else name, lambda: open(path, "rb"))


@dataclass(frozen=True, slots=True)
class FileScore:
    """What came of one file.

    Attributes:
        file: The name of its item.
        result: Its detection, or its error.
        milliseconds: From reading it until its result was there, waiting for the engine included.
    """

    file: str
    result: Result
    milliseconds: float


def score_files(
    detector: Detector, files: Iterable[str | os.PathLike[str]], *, embedding: bool = False
) -> Iterator[FileScore]:
    """Score any number of local files, as `score_items` does."""
    return score_items(detector, map(Item.of_file, files), embedding=embedding)


def score_items(
    detector: Detector,
    items: Iterable[Item],
    *,
    embedding: bool = False,
    read_ahead: int = 0,
) -> Generator[FileScore, None, None]:
    """Score any number of files.

    As many are under way at once as keep the engine busy, and no more: memory does not grow with
    the number of files, and a long iterable is read only as far as needed.

    Args:
        detector: Scores them.
        items: The files.
        embedding: Whether to give the embeddings.
        read_ahead: Files under way beyond those that keep the engine busy, where reading one takes
            long.

    Yields:
        One score for each file, in order, whatever the file holds.
    """

    def score(item: Item) -> FileScore:
        started = time.perf_counter()
        result = _score_item(detector, item, embedding)
        return FileScore(item.name, result, (time.perf_counter() - started) * 1000)

    ahead = detector.concurrency + read_ahead
    under_way: deque[Future[FileScore]] = deque()
    with ThreadPoolExecutor(ahead, thread_name_prefix="file") as pool:
        try:
            for item in items:
                # One more than the threads take, so that none ever waits for this one.
                if len(under_way) > ahead:
                    yield under_way.popleft().result()
                under_way.append(pool.submit(score, item))
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:  # whoever iterates has stopped early
                future.cancel()


def _score_item(detector: Detector, item: Item, embedding: bool) -> Result:
    for pause in (*PAUSES, None):
        try:
            return _score_file(detector, item, embedding)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            if error.errno in _OF_ONE_FILE:
                return ImageNotFoundError(f"The file cannot be read: {reason}.")
            if pause is None:
                break
            time.sleep(pause)
    return ImageUnavailableError(f"The storage failed, several times: {reason}.")


def _score_file(detector: Detector, item: Item, embedding: bool) -> Result:
    source: bytes | DetectorError
    try:
        with item.open() as file:
            is_a_video = is_video(file.read(HEAD_BYTES))
            file.seek(0)
            if is_a_video:
                return _score_video(detector, file, embedding)
            # One byte more than allowed tells that it is too large, without reading it all.
            source = file.read(detector.settings.max_image_bytes + 1)
    except DetectorError as error:
        source = error
    (result,) = detector.detect([source], embedding=embedding)
    if isinstance(result, ImageFormatError) and source is not result:
        return ImageFormatError(f"{result.message} Of videos, {VIDEO_FORMATS} are read.")
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
