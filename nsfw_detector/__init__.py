"""Graded image moderation with Freepik/nsfw_image_detector and its family.

from nsfw_detector import Detector

detector = Detector.load("models/demo")
for result in detector.detect(["photo.jpg", image_bytes, pil_image]):
    print(result)
"""

from nsfw_detector.detector import Detector
from nsfw_detector.errors import DetectorError, ImageError
from nsfw_detector.policy import Policy
from nsfw_detector.results import Decision, Detection, Embedding, ModelInfo, Result
from nsfw_detector.settings import Settings

__version__ = "0.1.0"
__all__ = [
    "Decision",
    "Detection",
    "Detector",
    "DetectorError",
    "Embedding",
    "ImageError",
    "ModelInfo",
    "Policy",
    "Result",
    "Settings",
]
