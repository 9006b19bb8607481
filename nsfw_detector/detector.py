"""The facade: `Detector.load(folder).detect(images)`.

It composes the steps and does none of them itself: decode (images), transform, batcher and engine,
levels, policy. Whatever scores images, online, in a batch job or in a notebook, goes through here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nsfw_detector.batcher import Batcher, ModelOutput
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import Engine, create_engine
from nsfw_detector.errors import DetectorError, ImageNotFoundError
from nsfw_detector.identity import identify
from nsfw_detector.images import DecodedImage, ImageLimits, decode, from_array, from_image
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.policy import DECISIONS, DEFAULT_POLICY, Policy, as_policy
from nsfw_detector.results import Detection, ModelInfo, Result
from nsfw_detector.settings import Settings
from nsfw_detector.transform import Transform

logger = logging.getLogger(__name__)

Source: TypeAlias = bytes | str | os.PathLike[str] | Image.Image | NDArray[np.uint8] | DetectorError
"""One image: encoded bytes, the path of a file, a PIL image, or a uint8 array (height, width, 3).
An error in the place of an image is passed through to the results."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A decoded image whose frames are with the engine."""

    image: DecodedImage
    outputs: list[Future[ModelOutput]]


class Detector:
    """Grades images with one checkpoint. Any number of threads may call `detect` at once.

    Attributes:
        info: Which model this is.
        settings: The settings it was made with.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, settings: Settings) -> None:
        labels = checkpoint.config.label_names
        self.settings = settings
        self.info: ModelInfo = identify(checkpoint, engine, settings)
        self._policy = Policy.load(settings.policy_file or DEFAULT_POLICY).check_labels(labels)
        self._transform = Transform(checkpoint.config.preprocess)
        self._enough = self._transform.enough if settings.scaled_decoding else None
        self._limits = ImageLimits(
            max_bytes=settings.max_image_bytes,
            max_pixels=settings.max_image_pixels,
            max_frames=settings.max_frames,
        )
        self._batcher = Batcher(engine.infer, engine.max_batch_size)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str] | None = None, settings: Settings | None = None
    ) -> Detector:
        """Load and verify a checkpoint, make its engine, and score one blank image to warm up.

        Args:
            folder: Model folder; by default the one of the settings (`AZUREML_MODEL_DIR`).
            settings: By default those of the environment variables.

        Raises:
            CheckpointError: The folder holds no checkpoint that can be trusted.
            SettingsError: A setting is not valid, or its engine is not installed.
            PolicyError: The policy file is not valid, or does not fit the checkpoint's labels.
            InferenceError: The model gives values that are not finite.
        """
        settings = settings or Settings.from_environment()
        checkpoint = Checkpoint.load(
            Path(folder or settings.azureml_model_dir), settings.checkpoint_sha256
        )
        detector = cls(checkpoint, create_engine(checkpoint, settings), settings)
        _, height, width = checkpoint.config.pretrained_cfg.input_size
        (result,) = detector.detect([np.full((height, width, 3), 127, dtype=np.uint8)])
        if isinstance(result, DetectorError):
            raise result
        logger.info(
            "Ready: model %s, version %s, %s, %s",
            detector.info.name,
            detector.info.version or "none",
            detector.info.digest,
            detector.info.engine,
        )
        return detector

    def detect(
        self,
        images: Sequence[Source],
        *,
        embedding: bool = False,
        policy: Policy | Mapping[str, Any] | None = None,
    ) -> list[Result]:
        """Grade images.

        Args:
            images: Any mix of the forms that `Source` lists.
            embedding: Whether to give the embedding with each detection.
            policy: For this call, instead of the detector's own.

        Returns:
            One result for each image, in order: a Detection, or the error that kept this image
            (and no other) from being scored.

        Raises:
            PolicyError: The policy is not valid for this checkpoint.
        """
        policy = as_policy(policy) or self._policy
        policy.check_labels(self.info.labels)
        # All images are handed in before the first result is awaited: decoding the next one runs
        # beside the engine.
        pending = [self._submit(source) for source in images]
        return [self._collect(item, policy, embedding) for item in pending]

    def close(self) -> None:
        """Finish what is queued and end the engine's thread."""
        self._batcher.close()

    def _submit(self, source: Source) -> _Pending | DetectorError:
        try:
            image = self._decode(source)
        except DetectorError as error:
            return error
        outputs = [self._batcher.submit(self._transform(frame.image)) for frame in image.frames]
        return _Pending(image, outputs)

    def _decode(self, source: Source) -> DecodedImage:
        if isinstance(source, DetectorError):
            raise source
        if isinstance(source, Image.Image):
            return from_image(source, self._limits)
        if isinstance(source, np.ndarray):
            return from_array(source, self._limits)
        if isinstance(source, bytes | bytearray | memoryview):
            return decode(bytes(source), self._limits, self._enough)
        try:
            with open(source, "rb") as file:
                # One byte more than allowed tells that it is too large, without reading it all.
                data = file.read(self._limits.max_bytes + 1)
        except OSError as error:
            raise ImageNotFoundError(f"The file cannot be read: {error.strerror}.") from None
        return decode(data, self._limits, self._enough)

    def _collect(
        self, pending: _Pending | DetectorError, policy: Policy, embedding: bool
    ) -> Result:
        if isinstance(pending, DetectorError):
            return pending
        try:
            outputs = [future.result() for future in pending.outputs]
            detections = [
                self._judge(pending.image, frame.index, output, policy, embedding)
                for frame, output in zip(pending.image.frames, outputs, strict=True)
            ]
        except DetectorError as error:
            return error
        return max(detections, key=_severity)

    def _judge(
        self,
        image: DecodedImage,
        frame: int,
        output: ModelOutput,
        policy: Policy,
        embedding: bool,
    ) -> Detection:
        labels = self.info.labels
        scores = probabilities(output.logits)
        reached = dict(zip(labels[1:], at_least(scores).tolist(), strict=True))
        return Detection(
            level=policy.level(reached, labels[0]),
            decision=policy.decide(reached),
            scores=dict(zip(labels, scores.tolist(), strict=True)),
            at_least=reached,
            width=image.width,
            height=image.height,
            frames=image.n_frames,
            frame=frame,
            embedding=output.embedding if embedding else None,
        )


def _severity(detection: Detection) -> tuple[int, float]:
    """Order of severity: the decision, then the expected level (the sum of P(at least level))."""
    return DECISIONS.index(detection.decision), sum(detection.at_least.values())
