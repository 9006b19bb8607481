"""LitServe with its own batching around timm's model in bf16.

Example:
    python -m benchmarks.servers.litserve_app models/demo 8000
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import litserve
import torch
from PIL import Image

from benchmarks.timm_runtimes import Timm, eager

MAX_BATCH_SIZE = 4
# LitServe's own default, 0, makes it ask for work without a pause and so takes a core from the
# model when there is none.
BATCH_TIMEOUT = 0.05


class Classifier(litserve.LitAPI):  # type: ignore[misc]
    """Scores ``{"image": "<base64>"}``."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT)
        self._checkpoint = checkpoint

    def setup(self, device: str) -> None:
        """Load the model, in the process that runs it."""
        self._model = Timm(self._checkpoint, eager)

    def decode_request(self, request: dict[str, str]) -> torch.Tensor:
        """A request to model input."""
        image = Image.open(io.BytesIO(base64.b64decode(request["image"])))
        pixels: torch.Tensor = self._model.transform(image.convert("RGB"))
        return pixels

    def predict(self, batch: torch.Tensor) -> list[list[float]]:
        """Model input, (n, 3, height, width), to probabilities."""
        return self._model.probabilities(list(batch))

    def encode_response(self, output: list[float]) -> dict[str, Any]:
        """Probabilities to the answer of one request."""
        return {"scores": output}


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(Path(sys.argv[1])), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False)
