from __future__ import annotations

import wave
from io import BytesIO
from pathlib import Path

import pytest

from nsfw_detector.batch.video.containers import HEAD_BYTES, is_video, sniff_video
from nsfw_detector.errors import ImageFormatError
from scripts.paths import SAMPLES
from tests.batch.videos import write_video
from tests.images.files import animation


def test_still_images_and_others_are_not_taken_for_videos(photos: list[Path]) -> None:
    heads = [photo.read_bytes()[:HEAD_BYTES] for photo in photos]
    sound = BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 1, 8000, 1, "NONE", ""))
    heads += [sound.getvalue()[:HEAD_BYTES], b"", b"#EXTM3U\nfile:///etc/passwd", b"G" * 187]
    heads += [b"\0\0\0\x20ftyp" + brand + b"\0\0\0\0" for brand in (b"avif", b"heic", b"mif1")]
    gif = bytearray(animation("GIF", ["red", "lime"]).ljust(HEAD_BYTES))
    gif[188::188] = b"G" * len(gif[188::188])
    heads.append(bytes(gif))
    assert not any(map(is_video, heads))


@pytest.mark.parametrize(
    ("name", "codec", "format"),
    [("x.ts", "libx264", "MPEGTS"), ("x.wmv", "wmv2", "ASF"), ("x.mkv", "libx264", "MATROSKA")],
)
def test_told_by_content(tmp_path: Path, name: str, codec: str, format: str) -> None:
    path = write_video(tmp_path / name, [SAMPLES / "cat.jpg"], codec=codec)
    with path.open("rb") as file:
        file.seek(99)
        assert sniff_video(file) == format
    with pytest.raises(ImageFormatError, match="MPEG-TS"):
        sniff_video(BytesIO(b"#EXTM3U\n"))
