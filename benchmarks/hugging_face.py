"""What the model card shows: the transformers pipeline, and the authors' own package."""

from __future__ import annotations

from pathlib import Path

from benchmarks.photo import open_rgb
from nsfw_detector.torchvision_shim import ensure_importable


class Pipeline:
    """`transformers.pipeline` on a path; dtype "auto", its default, is the one of config.json."""

    def __init__(self, checkpoint: Path, dtype: str) -> None:
        ensure_importable()
        import transformers

        self._classify = transformers.pipeline(
            "image-classification", model=str(checkpoint), dtype=dtype
        )
        config = self._classify.model.config
        self._labels = [config.id2label[i] for i in range(len(config.id2label))]

    def __call__(self, path: Path) -> list[float]:
        """Probabilities of an image file in label order."""
        answers = self._classify(str(path), top_k=None)
        scores = {answer["label"]: answer["score"] for answer in answers}
        return [scores[label] for label in self._labels]


class OfficialPackage:
    """`nsfw-image-detector`, in bf16, its default."""

    def __init__(self, checkpoint: Path) -> None:
        ensure_importable()
        from nsfw_image_detector import NSFWDetector

        # It takes the name of a model on the hub; a folder is read by the same function.
        self._detector = NSFWDetector(model_name=str(checkpoint), device="cpu")

    def __call__(self, path: Path) -> list[float]:
        """Probabilities of an image file in label order."""
        (answer,) = self._detector.predict_proba(open_rgb(path))
        sums = {level.value: value for level, value in answer.items()}
        # It gives P(at least this level), but the plain probability of "neutral".
        return [
            sums["neutral"],
            sums["low"] - sums["medium"],
            sums["medium"] - sums["high"],
            sums["high"],
        ]
