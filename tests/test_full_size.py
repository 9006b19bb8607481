"""The published model's exact format and size, beside the transformers pipeline on the same folder.

The weights are random (the real ones cannot be had in development), so what is shown is that both
compute the same function of the same file, from the image file to the probabilities.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nsfw_detector import Detection, Detector, Settings
from nsfw_detector.torchvision_shim import ensure_importable

Labels = dict[str, float]
SIZES = [(640, 480), (480, 640), (1200, 300), (200, 900), (448, 448), (37, 61)]


@pytest.fixture(scope="module")
def pipeline(full_size: Path) -> Callable[[Image.Image], Labels]:
    """The oracle: probabilities in fp32 from `transformers.pipeline`."""
    ensure_importable()
    import torch
    import transformers

    classifier: Any = transformers.pipeline(
        "image-classification", model=str(full_size), dtype=torch.float32
    )

    def classify(image: Image.Image) -> Labels:
        return {answer["label"]: answer["score"] for answer in classify_all(image)}

    def classify_all(image: Image.Image) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = classifier(image, top_k=None)
        return answers

    return classify


@pytest.fixture(scope="module")
def files(photos: list[Path]) -> list[bytes]:
    """Real photographs, and JPEG and PNG of several sizes and orientations."""
    # The oracle exposes what transparency hides, so only opaque images can be compared.
    encoded = [p.read_bytes() for p in photos if Image.open(p).mode in ("RGB", "L")]
    photo = Image.open(photos[0]).convert("RGB")
    for index, size in enumerate(SIZES):
        orientation = index + 2  # EXIF orientations 2 to 7
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        photo.resize(size).save(file, ("JPEG", "PNG")[index % 2], exif=exif.tobytes())
        encoded.append(file.getvalue())
    return encoded


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def detector(full_size: Path, request: pytest.FixtureRequest) -> Iterator[Detector]:
    detector = Detector.load(full_size, Settings(precision=request.param))
    yield detector
    detector.close()


@pytest.fixture(scope="module")
def expected(pipeline: Callable[[Image.Image], Labels], files: list[bytes]) -> list[Labels]:
    return [pipeline(_as_pipeline_loads(data)) for data in files]


def _as_pipeline_loads(data: bytes) -> Image.Image:
    """What the pipeline's own loader does with a path: EXIF transpose and RGB."""
    from transformers.image_utils import load_image

    image: Image.Image = load_image(Image.open(io.BytesIO(data)))
    return image


def test_probabilities_equal_the_pipeline_s(
    detector: Detector, files: list[bytes], expected: list[Labels]
) -> None:
    tolerance = 1e-4 if detector.info.engine.endswith("fp32") else 0.02
    spread = np.ptp([list(labels.values()) for labels in expected], axis=0).max()
    assert spread > 0.1, "the images must differ to prove anything"
    for result, reference in zip(detector.detect(files), expected, strict=True):
        assert isinstance(result, Detection)
        for label, probability in reference.items():
            assert result.scores[label] == pytest.approx(probability, abs=tolerance)
        ours = max(result.scores, key=lambda label: result.scores[label])
        best, second = sorted(reference.values(), reverse=True)[:2]
        if best - second > tolerance:
            assert reference[ours] == best
