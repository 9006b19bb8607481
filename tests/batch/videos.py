"""Makes videos for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from PIL import Image


def write_video(
    path: Path,
    pictures: Sequence[Path],
    *,
    frames_each: int = 10,
    rate: int = 10,
    codec: str = "libx264",
    size: tuple[int, int] = (320, 240),
    options: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Show each picture for some frames.

    Args:
        path: Where to; its suffix says which container.
        pictures: Images.
        frames_each: Frames of each picture.
        rate: Frames per second.
        codec: FFmpeg's encoder.
        size: Width and height.
        options: Of the encoder.

    SVT-AV1 gives whoever calls it real-time priority, and all processes that it starts later have
    it too and keep the others from the cores: it works in a process of its own.
    """
    if codec != "libsvtav1":
        return _encode(path, pictures, frames_each, rate, codec, size, options)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own:
        return own.submit(
            _encode, path, pictures, frames_each, rate, codec, size, dict(options)
        ).result()


def _encode(
    path: Path,
    pictures: Sequence[Path],
    frames_each: int,
    rate: int,
    codec: str,
    size: tuple[int, int],
    options: Mapping[str, str],
) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate))
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 8_000_000  # the demo checkpoint needs its badges sharp
        stream.options = dict(options)
        for picture in pictures:
            for _ in range(frames_each):
                container.mux(stream.encode(read_frame(picture, size)))
        container.mux(stream.encode())
    return path


def write_at(path: Path, shown: Mapping[float, Path], size: tuple[int, int] = (320, 240)) -> Path:
    """Show pictures from given times on, in seconds, until the next."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=60)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 8_000_000
        stream.codec_context.time_base = Fraction(1, 60)
        for time, picture in shown.items():
            frame = read_frame(picture, size)
            frame.pts, frame.time_base = round(time * 60), Fraction(1, 60)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def join(path: Path, sources: Sequence[Path], sound: float = 0.0) -> Path:
    """Put videos side by side into one file, a track of each, beside some seconds of silence."""
    with ExitStack() as stack:
        target = stack.enter_context(av.open(path, "w"))
        opened = [stack.enter_context(av.open(source)) for source in sources]
        tracks = [target.add_stream_from_template(each.streams.video[0]) for each in opened]
        silence = target.add_stream("aac", rate=8000) if sound else None
        for source, track in zip(opened, tracks, strict=True):
            for packet in source.demux(source.streams.video[0]):
                if packet.size:
                    packet.stream = track
                    target.mux(packet)
        if silence is not None:
            assert isinstance(silence, av.AudioStream)
            samples = np.zeros((1, round(sound * 8000)), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.sample_rate = 8000
            target.mux(silence.encode(frame))
            target.mux(silence.encode())
    return path


def read_frame(picture: Path, size: tuple[int, int]) -> av.VideoFrame:
    """Make a frame of an image."""
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB").resize(size))
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")
