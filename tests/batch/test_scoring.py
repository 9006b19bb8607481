from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nsfw_detector import Detector
from nsfw_detector.batch.scoring import score_files
from nsfw_detector.errors import DetectorError
from nsfw_detector.results import Detection
from tests.conftest import SAMPLES


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
