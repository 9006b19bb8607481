"""What is compared: each contender loads a checkpoint and turns an image file into probabilities.

Each runs in a process of its own (see `worker`), so that neither its threads nor its memory
disturb another's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

Classify: TypeAlias = Callable[[Path], list[float]]
"""An image file -> probabilities in label order."""


def _ours(checkpoint: Path, precision: Literal["fp32", "bf16"]) -> Classify:
    from nsfw_detector import Detection, Detector, Settings

    detector = Detector.load(checkpoint, Settings(precision=precision))

    def classify(path: Path) -> list[float]:
        (result,) = detector.detect([path])
        assert isinstance(result, Detection)
        return list(result.scores.values())

    return classify


def _pipeline(checkpoint: Path, dtype: str) -> Classify:
    """What the model card shows: `transformers.pipeline`, in the dtype of its config by default."""
    from nsfw_detector.torchvision_shim import ensure_importable

    ensure_importable()
    import transformers

    classifier = transformers.pipeline("image-classification", model=str(checkpoint), dtype=dtype)
    labels = [classifier.model.config.id2label[i] for i in range(classifier.model.num_labels)]

    def classify(path: Path) -> list[float]:
        scores = {answer["label"]: answer["score"] for answer in classifier(str(path), top_k=None)}
        return [scores[label] for label in labels]

    return classify


CONTENDERS: dict[str, Callable[[Path], Classify]] = {
    "ours bf16": lambda checkpoint: _ours(checkpoint, "bf16"),
    "ours fp32": lambda checkpoint: _ours(checkpoint, "fp32"),
    "transformers pipeline bf16 (its default)": lambda c: _pipeline(c, "auto"),
    "transformers pipeline fp32": lambda c: _pipeline(c, "float32"),
}
