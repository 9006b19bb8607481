"""Files -> results, in order, with decoding ahead of the engine and bounded memory."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from nsfw_detector.detector import Detector
from nsfw_detector.results import Result


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
        (result,) = detector.detect([file], embedding=embedding)
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
