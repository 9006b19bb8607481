"""Videos among a batch job's files: some frames of each are scored, and the worst counts.

Only batch jobs look at videos; a request that has to be answered in seconds does not. PyAV (FFmpeg)
is part of the batch environment.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.errors import DetectorError, ImageError, ImageFormatError
from nsfw_detector.images import ImageLimits

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

HEAD_BYTES = 16
# Containers that are told by their first bytes. Playlists, which name other files, are not among
# them, and FFmpeg gets an open file instead of a name, so that it can read nothing else.
_CONTAINER = re.compile(
    rb"....ftyp(?!avif|avis|heic|heix|heim|heis|mif1|msf1)"  # MP4, MOV, 3GP; not still images
    rb"|\x1aE\xdf\xa3"  # Matroska, WebM
    rb"|RIFF....AVI "
    rb"|\x00\x00\x01\xba"  # MPEG program stream
    rb"|FLV\x01",
    re.DOTALL,
)
_FORMATS = {"mov": "MP4", "matroska": "MATROSKA", "avi": "AVI", "mpeg": "MPEG", "flv": "FLV"}
# A frame is reached from the key frame before it. Of a stream with fewer key frames than one in
# this many frames, the nearest that comes within it is taken.
_MOST_STEPS = 600


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One sampled frame.

    Attributes:
        pixels: RGB, upright, uint8 (height, width, 3).
        seconds: When it is shown, from the start of the video.
        index: Its number, from 0, by the average frame rate.
        n_frames: Frames of the whole video, by its header or by its average frame rate; at least 1.
        format: Container, such as ``"MP4"``.
    """

    pixels: NDArray[np.uint8]
    seconds: float
    index: int
    n_frames: int
    format: str


def is_video(head: bytes) -> bool:
    """Whether a file with these first `HEAD_BYTES` bytes is a video."""
    return _CONTAINER.match(head) is not None


def sample_frames(
    file: BinaryIO, count: int, limits: ImageLimits
) -> Generator[VideoFrame, None, None]:
    """Decode frames that are evenly spaced from the first to the last, one as it is asked for.

    Args:
        file: Seekable.
        count: Most frames to give.
        limits: Of which the pixels of one frame matter.

    Yields:
        At least one frame, in order of time.

    Raises:
        ImageFormatError: PyAV is not installed.
        ImageTooLargeError: The frames are larger than allowed.
        ImageError: There are no pictures, or they are damaged.
    """
    try:
        import av
    except ImportError:
        raise ImageFormatError(
            "Videos need PyAV, which the batch environment has (environment/batch.yml)."
        ) from None
    av.logging.set_level(av.logging.PANIC)  # FFmpeg's messages may tell of contents
    with _ffmpeg_errors(), av.open(file, "r", metadata_errors="ignore") as container:
        if not container.streams.video:
            raise ImageError("The video file holds no pictures, only sound or text.")
        stream = container.streams.video[0]
        codec = stream.codec_context
        limits.check_pixels(codec.width * codec.height)
        codec.thread_count = 1  # files are decoded side by side already
        duration, rate = _duration(container), float(stream.average_rate or 0)
        last = -1.0
        for number in range(count):
            found = _frame_at(container, duration * number / max(1, count - 1), last)
            if found is None:
                continue
            frame, last = found
            limits.check_pixels(frame.width * frame.height)  # a header may lie
            pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
            yield VideoFrame(
                pixels=np.ascontiguousarray(pixels),
                seconds=last,
                index=round(last * rate),
                n_frames=max(1, stream.frames or round(duration * rate)),
                format=_FORMATS.get(container.format.name.split(",")[0], container.format.name),
            )
        if last < 0:
            raise ImageError("No picture of the video could be decoded.")


def _frame_at(
    container: InputContainer, seconds: float, after: float
) -> tuple[av.VideoFrame, float] | None:
    """Decode the first frame shown at `seconds` or later, else the last one; with its time.

    Gives None if that is not later than `after`.
    """
    stream = container.streams.video[0]
    start = float((stream.start_time or 0) * (stream.time_base or 1))
    container.seek(int((start + seconds) * 1_000_000))
    found, shown = None, after
    for steps, frame in enumerate(container.decode(stream)):
        time = (frame.time or 0.0) - start
        if time > after:
            found, shown = frame, time
        if steps >= _MOST_STEPS or time >= seconds:
            break
    return None if found is None else (found, shown)


def _duration(container: InputContainer) -> float:
    """Seconds, by the header, else by the last packet; 0 if neither tells."""
    if container.duration:
        return float(container.duration) / 1_000_000
    stream = container.streams.video[0]
    times = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
    return float((max(times, default=0) - (stream.start_time or 0)) * (stream.time_base or 1))


@contextmanager
def _ffmpeg_errors() -> Iterator[None]:
    """Turn what FFmpeg makes of a hostile file into an `ImageError`, which tells the class only."""
    try:
        yield
    except DetectorError:
        raise
    except Exception as error:
        raise ImageError(
            f"The video is damaged, cut off or of a kind that cannot be read "
            f"({type(error).__name__})."
        ) from None
