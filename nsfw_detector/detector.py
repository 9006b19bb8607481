"""The facade: `Detector.load(folder).detect(images)`, or `.embed(images)`.

It composes the steps and does none of them itself: the pipeline takes the images to the engine;
levels and policy judge what comes back. Whatever scores images, online, in a batch job or in a
notebook, goes through here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import Engine, create_engine
from nsfw_detector.errors import DetectorError
from nsfw_detector.identity import identify
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.pipeline.batcher import ModelOutput
from nsfw_detector.pipeline.caller import Caller
from nsfw_detector.pipeline.flights import ScoredImage
from nsfw_detector.pipeline.pipeline import Pipeline
from nsfw_detector.pipeline.sources import Source
from nsfw_detector.policy import DECISIONS, DEFAULT_POLICY, Policy, as_policy
from nsfw_detector.results import Detection, Embedding, ModelInfo, Result
from nsfw_detector.settings import Settings
from nsfw_detector.telemetry import Statistics, Telemetry
from nsfw_detector.vectors import as_embedding

logger = logging.getLogger(__name__)


class Detector:
    """Grades images with one checkpoint. Any number of threads may call `detect` at once.

    Attributes:
        info: Which model this is.
        settings: The settings it was made with.
        concurrency: Images under way at once, each in a thread of its own, that keep all cores and
            the engine busy.
        embedding_size: Length of an embedding.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, settings: Settings) -> None:
        labels = checkpoint.config.label_names
        self.settings = settings
        self.info: ModelInfo = identify(checkpoint, engine, settings)
        self._policy = Policy.load(settings.policy_file or DEFAULT_POLICY).check_labels(labels)
        self._telemetry = Telemetry()
        self._pipeline = Pipeline(engine, checkpoint.config.preprocess, settings, self._telemetry)
        self.concurrency = self._pipeline.concurrency
        self.embedding_size = engine.embedding_size

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
        deadline: float | None = None,
        is_abandoned: Callable[[], bool] | None = None,
    ) -> list[Result]:
        """Grade images.

        Args:
            images: Any mix of the forms that `Source` lists.
            embedding: Whether to give the embedding with each detection, and the layers chosen by
                `EMBEDDING_LAYERS`.
            policy: For this call, instead of the detector's own.
            deadline: When results are of no more use, as `time.monotonic` counts. Without one the
                call takes the time that it takes, and is never refused.
            is_abandoned: Tells whether results are of no more use already. It is called from the
                engine's thread, so it must return at once.

        Returns:
            One result for each image, in order: a Detection, or the error that kept this image
            (and no other) from being scored.

        Raises:
            PolicyError: The policy is not valid for this checkpoint.
            OverloadedError: The images could not be scored by the deadline; none was tried.
        """
        policy = as_policy(policy) or self._policy
        policy.check_labels(self.info.labels)
        scored = self._pipeline.score(images, Caller(deadline, is_abandoned))
        results = [self._judge(image, policy, embedding) for image in scored]
        self._telemetry.count_results(
            result.code if isinstance(result, DetectorError) else None for result in results
        )
        return results

    def embed(
        self, images: Sequence[Source], *, normalize: bool = False
    ) -> list[Embedding | DetectorError]:
        """Give the embeddings of images.

        Of an image with several pictures (frames of an animation, transparency on white and on
        black) the embedding is that of the picture which decides its level, as in `detect`.

        Args:
            images: Any mix of the forms that `Source` lists.
            normalize: Whether to bring each vector to length 1 (L2).

        Returns:
            One for each image, in order, or the error that kept this image from being scored.
        """
        results = self.detect(images, embedding=True)
        return [
            result if isinstance(result, DetectorError) else as_embedding(result, normalize)
            for result in results
        ]

    def statistics(self) -> Statistics:
        """Tell what has happened since the detector was made."""
        return self._telemetry.snapshot()

    def close(self) -> None:
        """Finish what is queued and end the engine's thread."""
        self._pipeline.close()

    def _judge(self, image: ScoredImage | DetectorError, policy: Policy, embedding: bool) -> Result:
        if isinstance(image, DetectorError):
            return image
        try:
            pictures = [
                self._judge_picture(image, frame, output, policy, embedding)
                for frame, output in image.pictures
            ]
        except DetectorError as error:
            return error
        return max(pictures, key=severity)

    def _judge_picture(
        self,
        image: ScoredImage,
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
            format=image.format,
            frames=image.n_frames,
            frame=frame,
            # Copies, because the output may be shared with others.
            embedding=output.embedding.copy() if embedding else None,
            layers=self._layers(output) if embedding else {},
        )

    def _layers(self, output: ModelOutput) -> dict[int, NDArray[np.float32]]:
        layers = zip(self.settings.embedding_layers, output.layers, strict=True)
        return {block: vector.copy() for block, vector in layers}


def severity(detection: Detection) -> tuple[int, float]:
    """Order of severity: the decision, then the expected level (the sum of P(at least level))."""
    return DECISIONS.index(detection.decision), sum(detection.at_least.values())
