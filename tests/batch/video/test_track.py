from __future__ import annotations

import numpy as np
import pytest

from nsfw_detector.batch.video.track import Track, share_out


def track(times: list[float], keys: set[int] | None = None) -> Track:
    return Track(times, [keys is None or n in keys for n in range(len(times))])


def chosen(times: list[float], count: int) -> list[int]:
    found = track(times)
    return sorted(found.index(picture) for picture in found.spread(count))


def test_even_where_the_rate_is() -> None:
    assert chosen([n / 25 for n in range(101)], 5) == [0, 25, 50, 75, 100]
    assert chosen([n / 25 for n in range(3)], 5) == [0, 1, 2]
    assert chosen([5.0], 1) == [0]
    assert chosen([n / 25 for n in range(101)], 1) == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        [float("nan")] * 100,
        [0.0] * 100,
        [-(2.0**40), *range(1, 100)],
        [*range(99), 2.0**40],
        [*range(50), *range(50)],
        [-n for n in range(100)],
    ],
)
def test_wrong_times_leave_no_large_gap(wrong: list[float]) -> None:
    found = track(wrong).spread(20)
    assert 18 <= len(found) <= 20
    assert np.diff([0, *sorted(found), 99]).max() <= 15


def test_a_picture_without_time_has_that_of_the_one_before() -> None:
    found = track([float("nan"), 7.0, float("nan"), 9.0])
    assert [found.seconds(n) for n in range(4)] == [0, 0, 0, 2]


def test_pictures_are_numbered_as_they_are_shown() -> None:
    found = track([10.0, 10.3, 10.1, 10.2])
    assert [found.index(n) for n in range(4)] == [0, 3, 1, 2]
    assert found.seconds(1) == pytest.approx(0.3)


def test_needed_is_what_leads_from_a_key_picture_to_one_that_is_wanted() -> None:
    found = track([float(n) for n in range(10)], keys={0, 4, 8})
    found.want({2, 5, 8})
    assert np.flatnonzero(found.needed).tolist() == [0, 1, 2, 4, 5, 8]
    found.distrust_keys()
    assert np.flatnonzero(found.needed).tolist() == list(range(9))
    assert track([0.0, 1.0], keys=set()).needed.tolist() == [False, False]


def test_what_a_short_track_does_not_need_goes_to_the_others() -> None:
    tracks = [track([float(n) for n in range(length)]) for length in (100, 1, 80)]
    share_out(11, tracks)
    assert [len(each.wanted) for each in tracks] == [5, 1, 5]
    share_out(1, tracks)
    assert [len(each.wanted) for each in tracks] == [1, 1, 1]
