from __future__ import annotations

import errno
import io
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import pytest

from nsfw_detector import Detector
from nsfw_detector.batch import scoring
from nsfw_detector.batch.scoring import Item, score_files, score_items
from nsfw_detector.errors import DetectorError, ImageFormatError, ImageUnavailableError
from nsfw_detector.results import Detection
from scripts.paths import SAMPLES
from tests.batch.videos import write_video


def test_results_come_in_order_and_equal_the_detector_s(
    demo_detector: Detector, photos: list[Path]
) -> None:
    files = [*photos, *reversed(photos)]
    scores = list(score_files(demo_detector, files, embedding=True))
    assert [score.file for score in scores] == [str(file) for file in files]
    for score, expected in zip(scores, demo_detector.detect(files, embedding=True), strict=True):
        assert isinstance(score.result, Detection)
        assert isinstance(expected, Detection)
        assert score.result.scores == expected.scores
        assert score.result.embedding is not None
        np.testing.assert_array_equal(score.result.embedding, expected.embedding)
        assert score.milliseconds > 0


def test_a_file_that_cannot_be_scored_costs_only_itself(
    demo_detector: Detector, tmp_path: Path
) -> None:
    empty, text = tmp_path / "empty.jpg", tmp_path / "text.png"
    empty.touch()
    text.write_text("no image")
    files = [SAMPLES / "cat.jpg", empty, tmp_path, text, tmp_path / "none", SAMPLES / "cat.jpg"]
    results = [score.result for score in score_files(demo_detector, files)]
    assert isinstance(results[0], Detection)
    assert isinstance(results[-1], Detection)
    codes = [result.code for result in results if isinstance(result, DetectorError)]
    assert codes == [
        "image_empty",
        "image_not_found",
        "image_format_unsupported",
        "image_not_found",
    ]


def test_an_endless_iterable_is_read_only_as_far_as_needed(demo_detector: Detector) -> None:
    read = itertools.count()

    def endless() -> Iterator[Path]:
        while True:
            next(read)
            yield SAMPLES / "cat.jpg"

    before = threading.active_count()
    scores = score_files(demo_detector, endless())
    for _ in range(5):
        next(scores)
    scores.close()  # type: ignore[attr-defined]
    assert next(read) <= 5 + demo_detector.concurrency + 2
    assert threading.active_count() <= before


def test_items_are_opened_where_they_are_scored(demo_detector: Detector) -> None:
    cat = SAMPLES / "cat.jpg"
    threads = set()

    def opened() -> BinaryIO:
        threads.add(threading.current_thread())
        return io.BytesIO(cat.read_bytes())

    (score,) = score_items(demo_detector, [Item("somewhere/cat", opened)])
    assert score.file == "somewhere/cat"
    assert [score.result] == demo_detector.detect([cat])
    assert threading.current_thread() not in threads


OF_ONE_FILE = [errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOTDIR]
OF_THE_STORAGE = [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EMFILE, errno.ETIMEDOUT]


class Breaking(io.RawIOBase):
    """Can be opened, but reading fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> NoReturn:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        *((OSError(number, "No."), "image_not_found") for number in OF_ONE_FILE),
        *((OSError(number, "No."), "image_unavailable") for number in OF_THE_STORAGE),
        (OSError("without a number"), "image_unavailable"),
        (ImageUnavailableError("No."), "image_unavailable"),
    ],
    ids=str,
)
def test_an_item_that_cannot_be_read_costs_only_itself(
    demo_detector: Detector, error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "PAUSES", (0.0, 0.0))

    def failing() -> BinaryIO:
        raise error

    def breaking() -> BinaryIO:
        return io.BufferedReader(Breaking(error))

    cat = Item.of_file(SAMPLES / "cat.jpg", "cat")
    items = [cat, Item("a", failing), Item("b", breaking), cat]
    results = [score.result for score in score_items(demo_detector, items)]
    assert isinstance(results[0], Detection)
    for result in results[1:3]:
        assert isinstance(result, DetectorError)
        assert result.code == code
        assert "None" not in result.message
    assert results[3] == results[0]


@pytest.mark.parametrize("video", [False, True])
def test_storage_that_comes_back_costs_nothing(
    demo_detector: Detector, tmp_path: Path, video: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "PAUSES", (0.0, 0.0))
    cat = SAMPLES / "cat.jpg"
    file = write_video(tmp_path / "x.mp4", [cat]) if video else cat
    tries = itertools.count(1)

    class Stuttering(io.FileIO):
        """Fails when it is opened for the first and the second time."""

        reads = 0

        def readinto(self, buffer: Any) -> int:
            self.reads += 1
            if self.number < 3 and self.reads > self.number:
                raise OSError(errno.ESTALE, "Stale file handle")
            return super().readinto(buffer) or 0

        def __init__(self) -> None:
            super().__init__(file)
            self.number = next(tries)

    item = Item("x", lambda: io.BufferedReader(Stuttering(), 1000))
    (score,) = score_items(demo_detector, [item])
    assert isinstance(score.result, Detection), score.result
    assert next(tries) == 4


def test_what_is_no_image_is_told_which_videos_are_read(
    demo_detector: Detector, tmp_path: Path
) -> None:
    text = tmp_path / "text.png"
    text.write_text("no image")
    (score,) = score_files(demo_detector, [text])
    assert isinstance(score.result, ImageFormatError)
    assert "MPEG-TS, WMV" in score.result.message


def test_more_can_be_read_ahead(demo_detector: Detector) -> None:
    under_way = threading.Barrier(demo_detector.concurrency + 5)

    def opened() -> BinaryIO:
        under_way.wait(30)  # breaks unless so many are read at once
        return io.BytesIO()

    items = [Item(str(n), opened) for n in range(under_way.parties)]
    scores = list(score_items(demo_detector, items, read_ahead=5))
    assert [score.file for score in scores] == [item.name for item in items]
