"""The score.py that one usually finds: the transformers pipeline, one base64 image in JSON.

Served by `azmlinfsrv` with its defaults, which is one request at a time.
"""

from __future__ import annotations

import base64
import io
import json
import os
from typing import Any

from PIL import Image

from nsfw_detector.torchvision_shim import ensure_importable

classifier: Any


def init() -> None:
    """Load the model."""
    global classifier
    ensure_importable()
    from transformers import pipeline

    classifier = pipeline("image-classification", model=os.environ["AZUREML_MODEL_DIR"])


def run(raw_data: str) -> Any:
    """Score ``{"image": "<base64>"}``."""
    image = Image.open(io.BytesIO(base64.b64decode(json.loads(raw_data)["image"])))
    return classifier(image.convert("RGB"), top_k=None)
