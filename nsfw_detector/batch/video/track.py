"""The pictures of one video track: which of them to look at, and what to decode for that.

All is told by the packets themselves, one for each picture, never by what headers say of them: not
how long the video is, nor how many pictures it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.container import InputContainer


class Track:
    """The pictures of a video track, numbered from 0 in the order in which they are decoded.

    Args:
        times: When each is shown, in seconds from anywhere; NaN: not known.
        keys: Whether each is decoded without those before it, as the container has it.

    Attributes:
        wanted: Pictures to look at.
        needed: Whether each has to be decoded, for those that are wanted.
    """

    wanted: set[int]
    needed: NDArray[np.bool_]

    def __init__(self, times: Iterable[float], keys: Iterable[bool]) -> None:
        times = np.fromiter(times, np.float64)
        known = np.flatnonzero(~np.isnan(times))
        if known.size:  # one without a time is shown when the last one before it is
            last = np.searchsorted(known, np.arange(len(times)), side="right") - 1
            times = times[known[np.maximum(last, 0)]]
        self._times = np.nan_to_num(times) - (times.min() if known.size else 0)
        self._order = np.argsort(self._times, kind="stable")
        self._index = np.argsort(self._order)
        self._keys = np.fromiter(keys, np.bool_)
        self._keys[:1] = True
        self.want(set())

    def __len__(self) -> int:
        return len(self._times)

    def seconds(self, picture: int) -> float:
        """When it is shown, from the first picture."""
        return float(self._times[picture])

    def index(self, picture: int) -> int:
        """How many pictures are shown before it."""
        return int(self._index[picture])

    def want(self, pictures: set[int]) -> None:
        """Set what is wanted; what is needed are these, and all before them to a key picture."""
        self.wanted = pictures
        self.needed = np.zeros(len(self), np.bool_)
        starts = np.maximum.accumulate(np.where(self._keys, np.arange(len(self)), 0))
        for picture in pictures:
            self.needed[starts[picture] : picture + 1] = True

    def distrust_keys(self) -> None:
        """From now on, take none but the first for a picture that needs no other."""
        self._keys[1:] = False
        self.want(self.wanted)

    def spread(self, count: int) -> set[int]:
        """Choose at most `count` pictures, evenly spaced from the first to the last.

        Even are the steps in time and in number of pictures, taken together: neither a still of an
        hour, nor a wrong time, nor a burst of pictures within a second hides what else there is.
        """
        if len(self) <= count:
            return set(range(len(self)))
        elapsed = self._times[self._order]
        position = np.linspace(0, 1, len(self)) + elapsed / (elapsed[-1] or 1)
        targets = np.linspace(0, position[-1], count)
        chosen = np.unique(np.searchsorted(position, targets))
        # What fell on the same picture, since it is shown for long, goes by number alone.
        rest = np.linspace(0, len(self) - 1, count - len(chosen)).astype(int)
        return {int(self._order[index]) for index in np.union1d(chosen, rest)}


def read_tracks(container: InputContainer) -> dict[int, Track]:
    """Read a container to its end, without decoding; gives the tracks with pictures, by stream."""
    if not container.streams.video:  # FFmpeg would read all other streams instead
        return {}
    times: dict[int, list[float]] = {}
    keys: dict[int, list[bool]] = {}
    for packet in container.demux(container.streams.video):
        if packet.size:
            stamp = packet.dts if packet.pts is None else packet.pts
            time = np.nan if stamp is None else float(stamp * packet.time_base)
            times.setdefault(packet.stream_index, []).append(time)
            keys.setdefault(packet.stream_index, []).append(packet.is_keyframe)
    return {stream: Track(times[stream], keys[stream]) for stream in times}


def share_out(count: int, tracks: Iterable[Track]) -> None:
    """Want `count` pictures of all tracks together, and at least one of each.

    Each gets the same share; what a short one, such as a cover, does not need goes to the others.
    """
    waiting = sorted(tracks, key=len)
    while waiting:
        share = max(1, count // len(waiting))
        track = waiting.pop(0)
        track.want(track.spread(share))
        count -= len(track.wanted)
