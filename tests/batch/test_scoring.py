from __future__ import annotations

import errno
import io
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np
import pytest

from nsfw_detector import Detector
from nsfw_detector.batch.scoring import Item, score_files, score_items
from nsfw_detector.errors import DetectorError, ImageUnavailableError
from nsfw_detector.results import Detection
from scripts.paths import SAMPLES


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
        (OSError(errno.EIO, "Input/output error"), "image_not_found"),
        (ImageUnavailableError("No."), "image_unavailable"),
    ],
)
def test_an_item_that_cannot_be_read_costs_only_itself(
    demo_detector: Detector, error: Exception, code: str
) -> None:
    def failing() -> BinaryIO:
        raise error

    def breaking() -> BinaryIO:
        return io.BufferedReader(Breaking(error))

    cat = Item.of_file(SAMPLES / "cat.jpg", "cat")
    items = [cat, Item("a", failing), Item("b", breaking), cat]
    results = [score.result for score in score_items(demo_detector, items)]
    assert isinstance(results[0], Detection)
    assert [r.code for r in results[1:3] if isinstance(r, DetectorError)] == [code, code]
    assert results[3] == results[0]


def test_more_can_be_read_ahead(demo_detector: Detector) -> None:
    under_way = threading.Barrier(demo_detector.concurrency + 5)

    def opened() -> BinaryIO:
        under_way.wait(30)  # breaks unless so many are read at once
        return io.BytesIO()

    items = [Item(str(n), opened) for n in range(under_way.parties)]
    scores = list(score_items(demo_detector, items, read_ahead=5))
    assert [score.file for score in scores] == [item.name for item in items]
