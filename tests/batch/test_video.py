from __future__ import annotations

import sys
import wave
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from nsfw_detector import Detector, Settings
from nsfw_detector.batch.scoring import score_files
from nsfw_detector.batch.video import HEAD_BYTES, is_video, sample_frames
from nsfw_detector.errors import DetectorError, ImageError, ImageFormatError, ImageTooLargeError
from nsfw_detector.images import ImageLimits
from nsfw_detector.results import Detection, Result
from scripts.paths import DEMO, SAMPLES
from tests.batch.videos import write_video

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
    ],
)
def test_the_worst_frame_counts_and_is_named(
    tmp_path: Path, demo_detector: Detector, name: str, codec: str
) -> None:
    rate = 25 if codec == "mpeg2video" else 10
    pictures = [CAT, MEDIUM, CAT]
    path = write_video(tmp_path / name, pictures, frames_each=2 * rate, rate=rate, codec=codec)
    result = score(demo_detector, path)
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
        assert type(result) is ImageError, path
    assert "video" in result.message  # type: ignore[union-attr]


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


def test_still_images_and_others_are_not_taken_for_videos(photos: list[Path]) -> None:
    heads = [photo.read_bytes()[:HEAD_BYTES] for photo in photos]
    sound = BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 1, 8000, 1, "NONE", ""))
    heads += [sound.getvalue()[:HEAD_BYTES], b"", b"#EXTM3U\nfile:///etc/passwd"]
    heads += [b"\0\0\0\x20ftyp" + brand + b"\0\0\0\0" for brand in (b"avif", b"heic", b"mif1")]
    assert not any(map(is_video, heads))


def test_without_pyav_the_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "x.mp4", [CAT])
    monkeypatch.setitem(sys.modules, "av", None)
    detector = Detector.load(DEMO, Settings(precision="fp32"))
    result = score(detector, path)
    detector.close()
    assert isinstance(result, ImageFormatError)
    assert "PyAV" in result.message
