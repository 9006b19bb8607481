"""The transform against its reference, timm's evaluation transform, byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from nsfw_detector.torchvision_shim import ensure_importable
from nsfw_detector.transform import CropMode, Interpolation, Preprocess, Transform

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def preprocess(
    height: int = 56,
    width: int = 56,
    interpolation: Interpolation = "bicubic",
    crop_mode: CropMode = "squash",
    crop_pct: float = 1.0,
) -> Preprocess:
    return Preprocess(height, width, interpolation, crop_mode, crop_pct, CLIP_MEAN, CLIP_STD)


def reference(p: Preprocess, image: Image.Image) -> np.ndarray:
    """What timm feeds the model, before the values are scaled."""
    ensure_importable()
    from timm.data.transforms_factory import transforms_imagenet_eval

    transform = transforms_imagenet_eval(
        img_size=(p.height, p.width),
        crop_pct=p.crop_pct,
        crop_mode=p.crop_mode,
        interpolation=p.interpolation,
        mean=p.mean,
        std=p.std,
        normalize=False,
    )
    return np.asarray(transform(image)).transpose(1, 2, 0)


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * 1009 + height).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


SIDE = st.integers(1, 300)
PREPROCESS = st.builds(
    preprocess,
    height=st.integers(14, 64),
    width=st.integers(14, 64),
    interpolation=st.sampled_from(["nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"]),
    crop_mode=st.sampled_from(["squash", "center", "border"]),
    crop_pct=st.one_of(st.just(1.0), st.floats(0.3, 1.6)),
)


@settings(max_examples=200)
@given(PREPROCESS, SIDE, SIDE)
@example(preprocess(crop_mode="center", crop_pct=0.875), 301, 200)
@example(preprocess(crop_mode="center", crop_pct=0.9), 41, 57)
@example(preprocess(crop_mode="border", crop_pct=0.95), 57, 41)
@example(preprocess(56, 40, crop_mode="center", crop_pct=0.875), 100, 99)
@example(preprocess(crop_pct=1.5), 20, 20)
@example(preprocess(), 56, 56)
def test_equals_the_reference(p: Preprocess, width: int, height: int) -> None:
    assume(max(width, height) <= 16 * min(width, height))  # beyond it the reference fails
    image = noise(width, height)

    result = Transform(p)(image)

    assert result.dtype == np.uint8
    assert result.shape == (p.height, p.width, 3)
    assert np.array_equal(result, reference(p, image))


def test_the_published_checkpoint_at_full_size() -> None:
    p = preprocess(448, 448)
    image = noise(1201, 799)

    assert np.array_equal(Transform(p)(image), reference(p, image))


@pytest.mark.parametrize("crop_mode", ["squash", "center", "border"])
@pytest.mark.parametrize("size", [(1, 65535), (65535, 1)])
def test_extreme_geometry(size: tuple[int, int], crop_mode: CropMode) -> None:
    result = Transform(preprocess(448, 448, crop_mode=crop_mode))(Image.new("RGB", size, "red"))

    assert result.shape == (448, 448, 3)
    assert [255, 0, 0] in result.reshape(-1, 3).tolist()


@pytest.mark.parametrize("size", [(2, 200), (3, 250)])
def test_cutting_off_the_ends_leaves_the_centre(size: tuple[int, int]) -> None:
    p = preprocess(crop_mode="center", crop_pct=0.875)
    image = noise(*size)

    moved = np.abs(Transform(p)(image).astype(int) - reference(p, image))

    assert moved.mean() < 2


def test_does_not_change_the_image() -> None:
    image = noise(56, 56)
    before = image.tobytes()
    Transform(preprocess())(image)[:] = 0

    assert image.tobytes() == before
