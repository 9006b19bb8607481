from __future__ import annotations

import errno
import io
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from nsfw_detector import Detector, Settings
from nsfw_detector.batch.scoring import score_files
from nsfw_detector.batch.video import sample_frames, sampling
from nsfw_detector.errors import DetectorError, ImageError, ImageFormatError, ImageTooLargeError
from nsfw_detector.images import ImageLimits
from nsfw_detector.results import Detection, Result
from scripts.paths import DEMO, SAMPLES
from tests.batch.videos import join, write_at, write_video

LIMITS = ImageLimits(max_bytes=1, max_pixels=400_000, max_frames=1)
CAT, LOW, MEDIUM, HIGH = (
    SAMPLES / name for name in ("cat.jpg", "demo-low.png", "demo-medium.png", "demo-high.png")
)


def score(detector: Detector, path: Path) -> Result:
    (found,) = score_files(detector, [path])
    return found.result


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("x.mp4", "libx264"),
        ("x.mkv", "libx264"),
        ("x.webm", "libvpx-vp9"),
        ("x.avi", "mpeg4"),
        ("x.mov", "mpeg4"),
        ("x.mpg", "mpeg2video"),
        ("x.ts", "libx264"),
        ("x.ts", "mpeg2video"),
        ("x.wmv", "wmv2"),
        ("x.flv", "flv"),
        ("x.avi", "libx264"),
        ("x.webm", "libvpx"),
        ("x.mp4", "libx265"),
        ("x.mkv", "libsvtav1"),
    ],
)
def test_the_worst_frame_counts_and_is_named(
    tmp_path: Path, demo_detector: Detector, name: str, codec: str
) -> None:
    rate = 25 if codec == "mpeg2video" else 10
    pictures = [CAT, MEDIUM, CAT]
    path = write_video(tmp_path / name, pictures, frames_each=2 * rate, rate=rate, codec=codec)
    result = score(demo_detector, path)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # see write_video
    assert isinstance(result, Detection)
    assert result.level == "medium"
    assert result.decision == "review"
    assert result.seconds is not None
    assert 2 <= result.seconds < 4.1
    assert 2 * rate <= result.frame <= 4 * rate + 1
    assert result.frames == pytest.approx(6 * rate, abs=4)
    assert (result.width, result.height) == (320, 240)
    assert result.format == {
        "mpg": "MPEG",
        "mov": "MP4",
        "mkv": "MATROSKA",
        "webm": "MATROSKA",
        "ts": "MPEGTS",
        "wmv": "ASF",
    }.get(path.suffix[1:], path.suffix[1:].upper())


def test_frames_are_evenly_spaced_from_first_to_last(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT] * 5)  # 5 s, 50 frames
    with path.open("rb") as file:
        times = [frame.seconds for frame in sample_frames(file, 6, LIMITS)]
    assert times == pytest.approx([0, 1, 2, 3, 4, 4.9], abs=0.11)


def test_a_video_of_fewer_frames_gives_each_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT, LOW], frames_each=2)
    with path.open("rb") as file:
        indices = [frame.index for frame in sample_frames(file, 32, LIMITS)]
    assert indices == [0, 1, 2, 3]


def test_it_stops_at_what_is_to_be_blocked(
    tmp_path: Path, demo_detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT, HIGH, CAT, CAT])
    before = demo_detector.statistics()["images"]
    result = score(demo_detector, path)
    assert isinstance(result, Detection)
    assert result.decision == "block"
    seen = demo_detector.statistics()["images"] - before
    assert seen < Settings().max_video_frames / 2


def test_frames_that_the_video_turns_are_upright(tmp_path: Path) -> None:
    import av

    path = write_video(tmp_path / "x.mp4", [CAT])
    turned = tmp_path / "turned.mp4"
    with av.open(path) as source, av.open(turned, "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90) if hasattr(stream, "set_display_rotation") else pytest.skip(
            "This PyAV cannot write a rotation."
        )
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with turned.open("rb") as file:
        frame = next(sample_frames(file, 1, LIMITS))
    assert frame.pixels.shape == (320, 240, 3)


def test_large_frames_are_refused_before_decoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT])
    limits = ImageLimits(max_bytes=1, max_pixels=320 * 240 - 1, max_frames=1)
    with path.open("rb") as file, pytest.raises(ImageTooLargeError, match="76800"):
        next(sample_frames(file, 1, limits))


def test_what_is_no_video_or_damaged_is_said(tmp_path: Path, demo_detector: Detector) -> None:
    whole = write_video(tmp_path / "x.mp4", [CAT, MEDIUM]).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    fake = tmp_path / "fake.mkv"
    fake.write_bytes(b"\x1aE\xdf\xa3" + bytes(1000))
    for path in (cut, fake):
        result = score(demo_detector, path)
        assert isinstance(result, ImageError), path
        assert type(result) is ImageError, path  # not one of those that say more
        assert "video" in result.message


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with path.open("rb") as file, pytest.raises(ImageError, match="no pictures"):
        next(sample_frames(file, 1, LIMITS))


@pytest.mark.parametrize("seed", range(30))
def test_mutated_videos_give_typed_errors_or_results(
    tmp_path: Path, demo_detector: Detector, seed: int
) -> None:
    data = bytearray(write_video(tmp_path / "x.mp4", [CAT], size=(64, 48)).read_bytes())
    random = np.random.default_rng(seed)
    for position in random.integers(4 if seed % 2 else 40, len(data), 20):
        data[position] = random.integers(256)
    path = tmp_path / "mutated.mp4"
    path.write_bytes(data)
    assert isinstance(score(demo_detector, path), Detection | DetectorError)


def test_without_pyav_the_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT])
    monkeypatch.setitem(sys.modules, "av", None)
    detector = Detector.load(DEMO, Settings(precision="fp32"))
    result = score(detector, path)
    detector.close()
    assert isinstance(result, ImageFormatError)
    assert "PyAV" in result.message


ONE_KEY_FRAME = {"g": "100000", "keyint_min": "100000", "sc_threshold": "0"}


def with_box(path: Path, name: bytes, offset: int, value: bytes) -> Path:
    """Overwrite bytes of all boxes of an MP4 with that name, from its name on."""
    data = bytearray(path.read_bytes())
    position = data.find(name)
    assert position > 0
    while position > 0:
        data[position + offset : position + offset + len(value)] = value
        position = data.find(name, position + 4)
    path.write_bytes(data)
    return path


def assert_blocked(detector: Detector, path: Path) -> None:
    result = score(detector, path)
    assert isinstance(result, Detection), result
    assert result.decision == "block"


def test_sound_that_goes_on_for_longer_hides_nothing(
    tmp_path: Path, demo_detector: Detector
) -> None:
    pictures = write_video(tmp_path / "pictures.mp4", [CAT, HIGH, CAT, CAT])
    path = join(tmp_path / "x.mp4", [pictures], sound=120)
    with path.open("rb") as file:
        frames = [frame.index for frame in sample_frames(file, 32, LIMITS)]
    assert len(frames) == 32
    assert np.diff(frames).max() <= 2
    assert_blocked(demo_detector, path)


@pytest.mark.parametrize("seconds", [1, 100_000])
def test_the_header_does_not_say_how_long_it_is(
    tmp_path: Path, demo_detector: Detector, seconds: int
) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT] * 20 + [HIGH] * 2 + [CAT] * 20)
    with_box(path, b"mvhd", 20, struct.pack(">I", seconds * 1000))
    with_box(path, b"tkhd", 24, struct.pack(">I", seconds * 1000))
    with_box(path, b"mdhd", 20, struct.pack(">I", seconds * 10240))
    assert_blocked(demo_detector, path)


def test_what_an_edit_list_leaves_out_is_seen(tmp_path: Path, demo_detector: Detector) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT] * 3 + [HIGH] + [CAT])
    assert_blocked(demo_detector, with_box(path, b"elst", 12, struct.pack(">I", 1000)))


@pytest.mark.parametrize(("name", "codec"), [("x.mp4", "libx264"), ("x.mkv", "mpeg4")])
def test_with_one_key_frame_all_is_seen(
    tmp_path: Path, demo_detector: Detector, name: str, codec: str
) -> None:
    pictures = [CAT] * 14 + [HIGH] + [CAT] * 2
    path = write_video(
        tmp_path / name, pictures, frames_each=50, codec=codec, options=ONE_KEY_FRAME
    )
    assert_blocked(demo_detector, path)


def test_more_than_there_is_time_for_is_said(
    tmp_path: Path, demo_detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT] * 10, frames_each=20, options=ONE_KEY_FRAME)
    monkeypatch.setattr(sampling, "MOST_PIXELS", 5 * 320 * 240)
    result = score(demo_detector, path)
    assert isinstance(result, ImageTooLargeError)
    assert "too few key frames: to look at 32 of its frames, " in result.message
    often = write_video(tmp_path / "often.mp4", [CAT] * 10, frames_each=20, options={"g": "4"})
    assert isinstance(score(demo_detector, often), Detection)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4", "libx265", "libvpx-vp9"])
def test_key_frames_that_are_none_are_found_out(
    tmp_path: Path, demo_detector: Detector, codec: str
) -> None:
    pictures = [CAT] * 7 + [HIGH] + [CAT] * 2
    path = write_video(tmp_path / "x.mp4", pictures, codec=codec, options=ONE_KEY_FRAME)
    # Without this box, all pictures are key pictures.
    assert_blocked(demo_detector, with_box(path, b"stss", 0, b"free"))


def test_neither_a_long_still_nor_a_burst_hides_the_rest(
    tmp_path: Path, demo_detector: Detector
) -> None:
    still = {0.0: CAT, **{3600 + n / 60: HIGH if 60 <= n < 90 else CAT for n in range(240)}}
    assert_blocked(demo_detector, write_at(tmp_path / "still.mp4", still))
    burst = {float(n): HIGH if 30 <= n < 60 else CAT for n in range(240)}
    burst |= {240 + n / 60: CAT for n in range(600)}
    assert_blocked(demo_detector, write_at(tmp_path / "burst.mp4", burst))


def test_times_that_begin_again_hide_nothing(tmp_path: Path, demo_detector: Detector) -> None:
    parts = [
        write_video(tmp_path / f"{n}.ts", [picture], frames_each=40).read_bytes()
        for n, picture in enumerate((CAT, HIGH, CAT))
    ]
    path = tmp_path / "x.ts"
    path.write_bytes(b"".join(parts))
    assert_blocked(demo_detector, path)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_every_track_is_seen(tmp_path: Path, demo_detector: Detector, suffix: str) -> None:
    long = write_video(tmp_path / "long.mp4", [CAT] * 20)
    short = write_video(tmp_path / "short.mp4", [CAT, HIGH, CAT])
    cover = write_video(tmp_path / "cover.mp4", [HIGH], frames_each=1)
    for number, order in enumerate(([long, short], [short, long], [cover, long], [long, cover])):
        assert_blocked(demo_detector, join(tmp_path / f"{number}.{suffix}", order))


def test_a_cover_takes_nothing_from_the_video(tmp_path: Path) -> None:
    long = write_video(tmp_path / "long.mp4", [CAT] * 10)
    cover = write_video(tmp_path / "cover.mp4", [CAT], frames_each=1)
    with join(tmp_path / "x.mkv", [cover, long]).open("rb") as file:
        totals = [frame.n_frames for frame in sample_frames(file, 10, LIMITS)]
    assert (totals.count(1), totals.count(100)) == (1, 9)


def test_too_many_tracks_are_said(tmp_path: Path) -> None:
    one = write_video(tmp_path / "one.mp4", [CAT], frames_each=2)
    path = join(tmp_path / "x.mkv", [one] * 9)
    with path.open("rb") as file, pytest.raises(ImageTooLargeError, match="9 video tracks"):
        next(sample_frames(file, 32, LIMITS))


def test_the_end_of_a_cut_off_file_is_not_missed(tmp_path: Path, demo_detector: Detector) -> None:
    path = write_video(tmp_path / "x.mkv", [CAT, CAT, HIGH, *[CAT] * 4], options={"g": "5"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_blocked(demo_detector, path)


def test_storage_that_fails_is_no_damage(tmp_path: Path) -> None:
    data = write_video(tmp_path / "x.mp4", [CAT] * 5).read_bytes()

    class Failing(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            if self.reads > 3:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    with pytest.raises(OSError, match="Input/output error"):
        list(sample_frames(Failing(data), 32, LIMITS))
