"""Decodes, of one video track, what its wanted pictures need, and gives these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from nsfw_detector.batch.video.track import Track

if TYPE_CHECKING:
    import av

_REORDERED = 32
"""By so many packets at most does any codec delay a picture."""
_INTRA = 1
"""FFmpeg's type of a picture that is whole without any other."""


class FalseKeyError(Exception):
    """What the container calls a key picture cannot be decoded without those before it."""


class Decoder:
    """Decodes one track, packet by packet.

    Args:
        stream: Of the container that the packets come from.
        track: Its pictures. Those that are given, or can never be, are no longer wanted then.
    """

    def __init__(self, stream: av.VideoStream, track: Track) -> None:
        self._codec = stream.codec_context
        self._codec.thread_count = 1  # files are decoded side by side already
        self._codec.copy_opaque = True  # frames tell which packet they are of
        self._track = track
        self._number = -1
        self._start: int | None = None
        self._last: av.VideoFrame | None = None

    def decode(self, packet: av.Packet[av.VideoStream]) -> Iterator[tuple[av.VideoFrame, int]]:
        """Take the next packet; gives the wanted pictures that come out, with their numbers.

        In the place of one that never comes out is a later one, or the last before a gap.

        Raises:
            FalseKeyError: The key pictures of the track are none.
        """
        self._number += 1
        needed = self._track.needed
        if not needed[self._number]:
            return
        if self._start is None:
            self._start, self._last = self._number, None
        packet.opaque = [self._number]  # an object of its own: PyAV mixes up equal ones
        # No other picture depends on such as are left out.
        self._codec.skip_frame = "DEFAULT" if self._number in self._track.wanted else "NONREF"
        yield from self._wanted(self._codec.decode(packet))
        if self._number + 1 == len(needed) or not needed[self._number + 1]:
            yield from self._wanted(self._codec.decode(None))
            if self._last is None and self._start > 0:
                raise FalseKeyError
            yield from self._take(self._last, self._number)
            self._codec.flush_buffers()
            self._start = None

    def _wanted(self, frames: list[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, int]]:
        for frame in frames:
            whole = frame.key_frame or frame.pict_type == _INTRA
            if self._last is None and self._start and not whole:
                raise FalseKeyError  # a decoder may well give a grey picture
            self._last = frame
            number = _number(frame)
            if number in self._track.wanted:
                self._track.wanted.remove(number)
                yield frame, number
            else:
                yield from self._take(frame, number - _REORDERED)

    def _take(
        self, frame: av.VideoFrame | None, overdue: int
    ) -> Iterator[tuple[av.VideoFrame, int]]:
        """Give the frame in the place of all that are wanted up to a number, if there are any."""
        late = {number for number in self._track.wanted if number <= overdue}
        self._track.wanted -= late
        if late and frame is not None:
            yield frame, _number(frame)


def _number(frame: av.VideoFrame) -> int:
    return cast(list[int], frame.opaque)[0]
