"""Large JPEGs are decoded at a fraction of their size, and hardly change by that."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nsfw_detector.errors import ImageTooLargeError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.transform import Preprocess, Transform

LIMITS = ImageLimits(max_bytes=1 << 25, max_pixels=20_000_000, max_frames=1)
TRANSFORM = Transform(Preprocess(224, 224, "bicubic", "squash", 1.0, (0.5,) * 3, (0.5,) * 3))


def picture(
    width: int, height: int, mode: str = "RGB", form: str = "JPEG", **options: object
) -> bytes:
    """Shapes over noise of several scales, as photographs have detail at all scales."""
    rng = np.random.default_rng(0)
    total = np.zeros((height, width, 3))
    for cell in (4, 16, 64, 256):
        noise = rng.integers(0, 256, (height // cell + 1, width // cell + 1, 3), dtype=np.uint8)
        total += np.asarray(
            Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
        )
    file = io.BytesIO()
    Image.fromarray((total / 4).astype(np.uint8)).convert(mode).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1600, 1200), (4000, 1000), (900, 2000)])
def test_the_model_sees_nearly_the_same(size: tuple[int, int], mode: str) -> None:
    data = picture(*size, mode=mode)
    exact, scaled = decode(data, LIMITS), decode(data, LIMITS, TRANSFORM.enough)
    assert (scaled.width, scaled.height) == (exact.width, exact.height) == size
    a, b = (TRANSFORM(image.frames[0].image).astype(int) for image in (exact, scaled))
    assert np.abs(a - b).max() <= 6
    assert np.abs(a - b).mean() < 1


def test_it_is_really_scaled_and_never_below_what_is_enough() -> None:
    frame = decode(picture(1600, 1200), LIMITS, (448, 448)).frames[0].image
    assert frame.size == (800, 600)


def test_small_and_other_files_are_untouched() -> None:
    for data in (picture(800, 600), picture(1600, 1200, form="PNG")):
        exact, scaled = (decode(data, LIMITS, enough) for enough in (None, (448, 448)))
        assert exact.frames[0].image.tobytes() == scaled.frames[0].image.tobytes()


def test_the_pixel_limit_is_that_of_the_file() -> None:
    limits = ImageLimits(max_bytes=1 << 25, max_pixels=1_000_000, max_frames=1)
    with pytest.raises(ImageTooLargeError):
        decode(picture(1600, 1200), limits, (448, 448))


def test_a_rotated_photograph_stays_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(1600, 1200, exif=exif.tobytes())
    image = decode(data, LIMITS, (448, 448))
    assert (image.width, image.height) == (1200, 1600)
    assert image.frames[0].image.size == (600, 800)
