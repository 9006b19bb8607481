"""Decodes the pictures of a video that are worth a look."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.batch.video.containers import open_video, sniff_video
from nsfw_detector.batch.video.decoder import Decoder, FalseKeyError
from nsfw_detector.batch.video.track import Track, read_tracks, share_out
from nsfw_detector.errors import DetectorError, ImageError, ImageTooLargeError
from nsfw_detector.images import ImageLimits

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

MOST_TRACKS = 8
"""A share of the budget is for each; with more of them there would be no look at any."""
MOST_PIXELS = 1_000_000_000
"""Decoded at most for one sampled frame: 480 pictures of full HD, which took 2.3 s on one core. A
mini-batch is to end within the time that its deployment gives it, whatever the files are; see
`SLOW_SECONDS` in scripts/azure/checks/resources.py."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One sampled frame.

    Attributes:
        pixels: RGB, upright, uint8 (height, width, 3).
        seconds: When it is shown, from the first picture of its track.
        index: Its number, from 0, in the order in which they are shown.
        n_frames: Pictures of its track; at least 1.
        format: Container, such as ``"MP4"``.
    """

    pixels: NDArray[np.uint8]
    seconds: float
    index: int
    n_frames: int
    format: str


def sample_frames(
    file: BinaryIO, count: int, limits: ImageLimits
) -> Generator[VideoFrame, None, None]:
    """Decode frames that are evenly spaced from the first to the last, one as it is asked for.

    The file is read twice from beginning to end: first to learn which pictures there are, then to
    decode those that are wanted and what they depend on, each at most once.

    Args:
        file: Seekable.
        count: Most frames to give of all video tracks together, but at least one of each.
        limits: Of which the pixels of one frame matter.

    Yields:
        At least one frame; of each track, in order of time.

    Raises:
        ImageFormatError: PyAV is not installed, or it is no video.
        ImageTooLargeError: The frames are larger than allowed, there are too many tracks, or more
            would have to be decoded than the time of a batch job allows for.
        ImageError: There are no pictures, or they are damaged.
        OSError: The file cannot be read.
    """
    name = sniff_video(file)
    with _ffmpeg_errors():
        with open_video(file, name) as container:
            for stream in container.streams.video:
                size = stream.codec_context
                limits.check_pixels(size.width * size.height)
            tracks = read_tracks(container)
        if not tracks:
            raise ImageError("The video file holds no pictures, only sound or text.")
        if len(tracks) > MOST_TRACKS:
            raise ImageTooLargeError(
                f"The file has {len(tracks)} video tracks; at most {MOST_TRACKS} are looked at."
            )
        share_out(count, tracks.values())
        found = False
        for _ in range(2):  # again for tracks whose key pictures turned out to be none
            left = {index: track for index, track in tracks.items() if track.wanted}
            if not left:
                break
            with open_video(file, name) as container:
                _check_work(container, left, count)
                for track, frame, number in _decode(container, left):
                    found = True
                    limits.check_pixels(frame.width * frame.height)  # a header may lie
                    pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                    yield VideoFrame(
                        pixels=np.ascontiguousarray(pixels),
                        seconds=track.seconds(number),
                        index=track.index(number),
                        n_frames=len(track),
                        format=name,
                    )
        if not found:
            raise ImageError("No picture of the video could be decoded.")


def _check_work(container: InputContainer, tracks: dict[int, Track], count: int) -> None:
    pixels = frames = 0
    for stream in container.streams.video:
        if stream.index in tracks:
            needed = int(tracks[stream.index].needed.sum())
            frames += needed
            pixels += needed * stream.codec_context.width * stream.codec_context.height
    if pixels > count * MOST_PIXELS:
        raise ImageTooLargeError(
            f"The video has too few key frames: to look at {count} of its frames, {frames} would "
            "have to be decoded. Look at it yourself, or encode it anew with more key frames."
        )


def _decode(
    container: InputContainer, tracks: dict[int, Track]
) -> Iterator[tuple[Track, av.VideoFrame, int]]:
    """Read to the end; gives the wanted pictures, each with its track and number."""
    streams = {stream.index: stream for stream in container.streams.video}
    decoders = {index: Decoder(streams[index], track) for index, track in tracks.items()}
    for packet in container.demux(container.streams.video):
        if not packet.size or packet.stream_index not in decoders:
            continue
        track = tracks[packet.stream_index]
        try:
            for frame, number in decoders[packet.stream_index].decode(packet):
                yield track, frame, number
        except FalseKeyError:
            track.distrust_keys()
            del decoders[packet.stream_index]


@contextmanager
def _ffmpeg_errors() -> Iterator[None]:
    """Turn what FFmpeg makes of a hostile file into an `ImageError`, which tells the class only."""
    try:
        yield
    except DetectorError:
        raise
    except Exception as error:
        import av

        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            raise  # the file itself cannot be read
        raise ImageError(
            f"The video is damaged, cut off or of a kind that cannot be read "
            f"({type(error).__name__})."
        ) from None
