"""Damaged files: an image or an `ImageError`, never anything else and never half a picture."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nsfw_detector.errors import ImageError
from nsfw_detector.images import decode
from tests.images.files import ANIMATED, COLORS, FORMATS, LIMITS, animation, encode, picture

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def noise() -> Image.Image:
    """Pixels that no codec can leave out."""
    return Image.effect_noise((64, 48), 80).convert("RGB")


STILLS = {name: encode(noise(), name, **FORMATS[name]) for name in FORMATS}
STILLS["progressive"] = encode(noise(), "JPEG", progressive=True)
STILLS["palette"] = encode(noise().quantize(64), "PNG", transparency=3)
STILLS["CMYK"] = encode(noise().convert("CMYK"), "JPEG")
STILLS["LZW"] = encode(noise(), "TIFF", compression="tiff_lzw")
ANIMATIONS = {f"{name} animation": animation(name, COLORS) for name in ANIMATED}
FILES = STILLS | ANIMATIONS


@pytest.mark.parametrize("percent", range(2, 100, 7))
@pytest.mark.parametrize("name", STILLS)
def test_a_file_cut_off_is_refused(name: str, percent: int) -> None:
    data = STILLS[name]

    with pytest.raises(ImageError):
        decode(data[: len(data) * percent // 100], LIMITS)


def survives(data: bytes) -> None:
    try:
        decoded = decode(data, LIMITS)
    except ImageError:
        return
    assert decoded.frames
    assert all(frame.image.mode == "RGB" and frame.image.load() for frame in decoded.frames)


@pytest.mark.parametrize("name", ANIMATIONS)
def test_an_animation_cut_off_anywhere(name: str) -> None:
    data = ANIMATIONS[name]
    for end in range(1, len(data), max(1, len(data) // 40)):
        survives(data[:end])


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(FILES)), st.data())
def test_changed_bytes(name: str, draw: st.DataObject) -> None:
    data = bytearray(FILES[name])
    # Most of what can go wrong does so in the headers, which are short.
    positions = st.one_of(st.integers(0, 200), st.integers(0, len(data) - 1))
    for _ in range(draw.draw(st.integers(1, 8))):
        data[draw.draw(positions) % len(data)] = draw.draw(st.integers(0, 255))
    survives(bytes(data))


@settings(max_examples=100)
@given(st.sampled_from(sorted(FILES)), st.binary(max_size=300), st.integers(1, 40))
def test_garbage_behind_a_signature(name: str, garbage: bytes, kept: int) -> None:
    survives(FILES[name][:kept] + garbage)


@pytest.mark.parametrize(
    "error",
    [OSError, ValueError, SyntaxError, KeyError, MemoryError, OverflowError, SystemError],
)
def test_whatever_the_decoder_raises(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def load(self: Image.Image) -> None:
        raise error("with bytes of the image")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)

    with pytest.raises(ImageError) as caught:
        decode(encode(picture(), "PNG"), LIMITS)
    assert caught.value.code == "image_unreadable"
    assert "bytes of the image" not in str(caught.value)
