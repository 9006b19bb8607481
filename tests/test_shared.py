"""Models that are loaded again and again in one process share a detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsfw_detector import Detector
from nsfw_detector.errors import DetectorError
from nsfw_detector.shared import shared_detector

GREY = np.full((8, 8, 3), 127, dtype=np.uint8)


class User:
    pass


def is_closed(detector: Detector) -> bool:
    (result,) = detector.detect([GREY])
    return isinstance(result, DetectorError)


def test_same_folder_and_settings_share_one(tiny: Path) -> None:
    first, second = User(), User()
    assert shared_detector(str(tiny), first) is shared_detector(str(tiny), second)


def test_one_stays_for_the_next_user(tiny: Path) -> None:
    user = User()
    detector = shared_detector(str(tiny), user)
    del user
    assert shared_detector(str(tiny), User()) is detector
    assert not is_closed(detector)


def test_other_settings_are_another_detector(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = User(), User()
    one = shared_detector(str(tiny), first)
    monkeypatch.setenv("THREADS", "1")
    other = shared_detector(str(tiny), second)
    assert (one.settings.threads, other.settings.threads) == (0, 1)
    assert not is_closed(one)  # its user is still there


def test_unused_one_makes_room(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = User()
    unused = shared_detector(str(tiny), user)
    del user
    monkeypatch.setenv("THREADS", "1")
    used = User()
    shared_detector(str(tiny), used)
    assert is_closed(unused)
