from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from nsfw_detector.errors import ImageEmptyError, ImageError, ImageFormatError, ImageTooLargeError
from nsfw_detector.images import ImageLimits, decode, from_array, from_image
from tests.images.files import FORMATS, LIMITS, difference, encode, picture

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_back_as_it_was(name: str) -> None:
    decoded = decode(encode(picture(), name, **FORMATS[name]), LIMITS)

    assert (decoded.format, decoded.width, decoded.height, decoded.n_frames) == (name, 48, 32, 1)
    (frame,) = decoded.frames
    assert (frame.index, frame.image.mode) == (0, "RGB")
    assert difference(frame.image, picture()) < 3


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
def test_compressed_tiff(compression: str) -> None:
    decoded = decode(encode(picture(), "TIFF", compression=compression), LIMITS)

    assert difference(decoded.frames[0].image, picture()) < 4


@pytest.mark.parametrize("size", [(1, 1), (1, 16000), (16000, 1), (7, 3)])
@pytest.mark.parametrize("name", FORMATS)
def test_any_geometry(name: str, size: tuple[int, int]) -> None:
    decoded = decode(encode(picture(*size), name), LIMITS)

    assert decoded.frames[0].image.size == size == (decoded.width, decoded.height)


@pytest.mark.parametrize("size", [(1, 65535), (65535, 1)])
@pytest.mark.parametrize("name", ["PNG", "GIF", "BMP", "TIFF"])
def test_longest_geometry(name: str, size: tuple[int, int]) -> None:
    assert decode(encode(picture(*size), name), LIMITS).frames[0].image.size == size


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"\xff\xd8",
        b"hello, world",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!DOCTYPE html><html></html>",
        b"%PDF-1.7",
        b"8BPS\0\x01",
        HEIC,
        encode(picture(), "ICO"),
        encode(picture(), "EPS"),
        encode(picture(), "JPEG2000"),
        encode(picture(), "TGA"),
        b"RIFF\0\0\0\0WAVEfmt ",
    ],
    ids=lambda data: repr(bytes(data[:8])),
)
def test_other_formats_are_refused(data: bytes) -> None:
    with pytest.raises(ImageFormatError, match="accepted format"):
        decode(data, LIMITS)


def test_no_bytes() -> None:
    with pytest.raises(ImageEmptyError):
        decode(b"", LIMITS)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_signature_with_garbage_is_a_damaged_image(name: str) -> None:
    data = encode(picture(), name)[:16] + bytes(range(256))

    with pytest.raises(ImageError, match=name) as caught:
        decode(data, LIMITS)
    assert caught.value.code == "image_unreadable"


def test_too_many_bytes() -> None:
    data = encode(picture(), "PNG")
    exact = ImageLimits(max_bytes=len(data), max_pixels=1_000_000, max_frames=3)
    assert decode(data, exact)

    with pytest.raises(ImageTooLargeError, match=rf"{len(data) + 1} bytes.*MAX_IMAGE_BYTES"):
        decode(data + b"\0", exact)


def test_messages_hold_no_bytes_of_the_image() -> None:
    data = encode(picture(), "PNG").replace(b"IDAT", b"SeCr")

    with pytest.raises(ImageError) as caught:
        decode(data, LIMITS)
    assert "SeCr" not in str(caught.value)


def test_many_threads_at_once() -> None:
    files = [encode(picture(60 + i, 40), name) for i in range(4) for name in FORMATS]
    expected = [decode(data, LIMITS).frames[0].image.tobytes() for data in files]

    with ThreadPoolExecutor(8) as pool:
        decoded = list(pool.map(lambda data: decode(data, LIMITS), files * 5))
    assert [image.frames[0].image.tobytes() for image in decoded] == expected * 5


class TestFromImage:
    def test_takes_any_mode_and_applies_exif(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        opened = Image.open(io.BytesIO(encode(picture(), "PNG", exif=exif)))

        decoded = from_image(opened, LIMITS)

        assert (decoded.width, decoded.height, decoded.format) == (32, 48, "PNG")
        turned = picture().transpose(Image.Transpose.ROTATE_270)
        assert difference(decoded.frames[0].image, turned) == 0

    def test_leaves_the_callers_image_alone(self) -> None:
        image = picture().quantize(16)
        image.info["transparency"] = bytes(range(0, 256, 16))
        before = image.tobytes(), image.getpalette("RGBA"), dict(image.info)

        decoded = from_image(image, LIMITS)
        decoded.frames[0].image.paste("red", (0, 0, 48, 32))

        assert len(decoded.frames) == 2
        assert (image.tobytes(), image.getpalette("RGBA"), dict(image.info)) == before

    def test_result_does_not_follow_later_changes(self) -> None:
        image = picture()
        decoded = from_image(image, LIMITS)
        image.paste("red", (0, 0, 48, 32))

        assert difference(decoded.frames[0].image, picture()) == 0

    def test_unreadable_or_too_large(self) -> None:
        cut = Image.open(io.BytesIO(encode(picture(), "JPEG")[:-200]))
        with pytest.raises(ImageError, match="JPEG"):
            from_image(cut, LIMITS)
        with pytest.raises(ImageTooLargeError, match="1536 pixels"):
            from_image(picture(), ImageLimits(max_bytes=1, max_pixels=1535, max_frames=1))


class TestFromArray:
    def test_grey_rgb_and_rgba(self) -> None:
        rgb = np.asarray(picture())
        rgba = np.dstack([rgb, np.full(rgb.shape[:2], 128, np.uint8)])

        def decoded(array: np.ndarray) -> list[np.ndarray]:
            return [np.asarray(frame.image) for frame in from_array(array, LIMITS).frames]

        assert np.array_equal(decoded(rgb), [rgb])
        assert np.array_equal(decoded(rgb[:, :, 0]), [rgb[:, :, [0, 0, 0]]])
        assert np.array_equal(decoded(rgb[::-1, ::2]), [rgb[::-1, ::2]])
        assert len(decoded(rgba)) == 2

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((4, 4, 3), np.float32),
            np.zeros((4, 4, 2), np.uint8),
            np.zeros((2, 4, 4, 3), np.uint8),
            np.zeros(4, np.uint8),
            np.zeros((0, 4, 3), np.uint8),
        ],
    )
    def test_anything_else_is_refused(self, array: np.ndarray) -> None:
        with pytest.raises(ImageError, match="uint8 of shape"):
            from_array(array, LIMITS)

    def test_too_large(self) -> None:
        with pytest.raises(ImageTooLargeError, match="16 pixels"):
            from_array(np.zeros((4, 4), np.uint8), ImageLimits(1, 15, 1))
