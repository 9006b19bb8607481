"""A detector without a model, whose results depend on the bytes, so that a mix-up shows."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nsfw_detector.errors import DetectorError, ImageEmptyError, ImageError
from nsfw_detector.http import HttpRequest, HttpResponse, handle
from nsfw_detector.levels import at_least, probabilities
from nsfw_detector.policy import Policy
from nsfw_detector.results import Detection, ModelInfo, Result
from nsfw_detector.settings import Settings
from nsfw_detector.telemetry import Statistics, Telemetry

BAD = b"bad"
SECRET = "/home/alice/holiday.jpg"


class FakeDetector:
    info = ModelInfo("fake", "3", "sha256:00", "none", ("neutral", "low", "medium", "high"))

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.failure: Exception | None = None
        self.deadline: float | None = None

    def detect(
        self,
        images: Sequence[bytes | ImageError],
        *,
        embedding: bool = False,
        policy: Policy | None = None,
        deadline: float | None = None,
        is_abandoned: Callable[[], bool] | None = None,
    ) -> list[Result]:
        self.deadline = deadline
        if self.failure:
            raise self.failure
        policy = (policy or Policy.load()).check_labels(self.info.labels)
        return [self._detect_one(image, embedding, policy) for image in images]

    def statistics(self) -> Statistics:
        return Telemetry().snapshot()

    def _detect_one(self, image: bytes | ImageError, embedding: bool, policy: Policy) -> Result:
        if isinstance(image, DetectorError):
            return image
        if image == BAD:
            return ImageError("The image cannot be read.")
        if not image:
            return ImageEmptyError("The image is empty.")
        random = np.random.default_rng(zlib.crc32(image))
        scores = probabilities(random.normal(size=4).astype(np.float32) * 4)
        labels = self.info.labels
        reached = dict(zip(labels[1:], at_least(scores).tolist(), strict=True))
        return Detection(
            level=policy.level(reached, labels[0]),
            decision=policy.decide(reached),
            scores=dict(zip(labels, scores.tolist(), strict=True)),
            at_least=reached,
            width=len(image),
            height=int(random.integers(1, 9999)),
            frames=9 if image.startswith(b"GIF") else 1,
            frame=4 if image.startswith(b"GIF") else 0,
            embedding=random.normal(size=5).astype(np.float32) if embedding else None,
            layers={
                block: random.normal(size=5).astype(np.float32)
                for block in self.settings.embedding_layers
                if embedding
            },
        )

    def detection(self, image: bytes, **options: Any) -> Detection:
        (result,) = self.detect([image], **options)
        assert isinstance(result, Detection)
        return result


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def send(
    body: bytes,
    content_type: str = "application/json",
    detector: FakeDetector | None = None,
    method: str = "POST",
    content_length: int | None = None,
) -> HttpResponse:
    request = HttpRequest(method, content_type, content_length, io.BytesIO(body).read)
    return handle(detector or FakeDetector(), request)


def post(content: object, detector: FakeDetector | None = None) -> tuple[int, Any]:
    answer = send(json.dumps(content).encode(), detector=detector)
    return answer.status, json.loads(answer.body)
