from __future__ import annotations

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageColor

from nsfw_detector.images import DecodedImage, ImageLimits, decode, frame_indices
from tests.images.files import ANIMATED, COLORS, LIMITS, animation, difference, encode, picture


def shown(decoded: DecodedImage) -> list[tuple[int, str]]:
    """Index and nearest named colour of each frame."""

    def name(image: Image.Image) -> str:
        return min(COLORS, key=lambda color: difference(image, Image.new("RGB", image.size, color)))

    return [(frame.index, name(frame.image)) for frame in decoded.frames]


@given(st.integers(1, 2**31), st.integers(1, 64))
def test_frame_indices(n: int, k: int) -> None:
    indices = frame_indices(n, k)

    assert len(indices) == min(n, k)
    assert indices[0] == 0
    assert k == 1 or indices[-1] == n - 1
    gaps = {b - a for a, b in itertools.pairwise(indices)}
    assert all(gap > 0 for gap in gaps)
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("name", ANIMATED)
def test_first_last_and_between(name: str) -> None:
    decoded = decode(animation(name, COLORS), LIMITS)

    assert decoded.n_frames == len(COLORS) == 10
    assert shown(decoded) == [(0, "red"), (4, "cyan"), (9, "orange")]


@pytest.mark.parametrize("name", ANIMATED)
def test_one_frame_only(name: str) -> None:
    limits = ImageLimits(LIMITS.max_bytes, LIMITS.max_pixels, max_frames=1)

    assert shown(decode(animation(name, COLORS), limits)) == [(0, "red")]


def test_a_frame_that_changes_part_of_the_one_before() -> None:
    first = Image.new("P", (8, 8))
    first.putpalette([255, 0, 0, 0, 255, 0])
    second = first.copy()
    second.paste(1, (0, 0, 4, 8))
    decoded = decode(encode(first, "GIF", save_all=True, append_images=[second]), LIMITS)

    last = decoded.frames[-1].image
    assert [last.getpixel((0, 0)), last.getpixel((7, 7))] == [(0, 255, 0), (255, 0, 0)]


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP"])
def test_looking_at_a_frame_does_not_disturb_those_after_it(name: str) -> None:
    frames = [picture().quantize(16).rotate(90 * i) for i in range(6)]
    options = {"lossless": True} if name == "WEBP" else {"transparency": 3}
    data = encode(frames[0], name, save_all=True, append_images=frames[1:], **options)

    everything = decode(data, ImageLimits(LIMITS.max_bytes, LIMITS.max_pixels, max_frames=64))
    last_only = decode(data, ImageLimits(LIMITS.max_bytes, LIMITS.max_pixels, max_frames=2))

    assert name == "WEBP" or [frame.index for frame in everything.frames[:2]] == [0, 0]
    ends = [[f.image.tobytes() for f in d.frames if f.index == 5] for d in (everything, last_only)]
    assert ends[0] == ends[1]


def test_the_still_of_an_apng_is_scored_beside_its_animation() -> None:
    still, *frames = (Image.new("RGB", (8, 8), color) for color in COLORS[:6])
    data = encode(still, "PNG", save_all=True, append_images=frames, default_image=True)

    decoded = decode(data, LIMITS)

    assert decoded.n_frames == 6
    assert shown(decoded) == [(0, "red"), (1, "lime"), (3, "yellow"), (5, "magenta")]


def test_pages_of_different_sizes() -> None:
    pages = [Image.new("RGB", (8, 8), "red"), Image.new("RGB", (20, 10), "lime")]
    decoded = decode(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]), LIMITS)

    assert (decoded.width, decoded.height) == (8, 8)
    assert [frame.image.size for frame in decoded.frames] == [(8, 8), (20, 10)]


class TestMPO:
    @staticmethod
    def data() -> bytes:
        return encode(picture(), "MPO", save_all=True, append_images=[picture(9, 9)], quality=95)

    def test_only_the_first_picture_counts(self) -> None:
        assert Image.open(io.BytesIO(self.data())).format == "MPO"
        decoded = decode(self.data(), LIMITS)

        assert (decoded.format, decoded.n_frames, len(decoded.frames)) == ("JPEG", 1, 1)
        assert difference(decoded.frames[0].image, picture()) < 4

    def test_a_broken_index_does_no_harm(self) -> None:
        at = self.data().index(b"MPF\0") + 4
        broken = self.data()[:at] + b"\xff" * 40 + self.data()[at + 40 :]

        assert difference(decode(broken, LIMITS).frames[0].image, picture()) < 4


def test_frame_colors_are_told_apart() -> None:
    """The helper above would be of no use otherwise."""
    assert len({ImageColor.getrgb(color) for color in COLORS}) == len(COLORS)
