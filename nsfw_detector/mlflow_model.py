"""The detector as an MLflow model: the code that MLflow runs, as score.py is what Azure ML runs.

`scripts/register_model.py --format mlflow` saves it with this package and a checkpoint beside it
("models from code": no pickle, which would hold for one version of Python alone). It is the only
module that needs mlflow, and no other imports it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from nsfw_detector.errors import DetectorError, ImageEncodingError
from nsfw_detector.pipeline.sources import Source
from nsfw_detector.protocols.frames import IMAGE
from nsfw_detector.protocols.images import read_image
from nsfw_detector.results import Result
from nsfw_detector.shared import CHECKPOINT, shared_detector

BASE64 = re.compile(rb"(data:[^,]*,)?[A-Za-z0-9+/\s]+={0,2}\s*")


class NsfwDetectorModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow has no types
    """Grades images; one row per image, whatever the image is."""

    def load_context(self, context: Any) -> None:
        """Load and verify the checkpoint, unless it is loaded in this process."""
        self.detector = shared_detector(context.artifacts[CHECKPOINT], self)

    # MLflow reads the type hint of the input: of this one it makes no schema, and it warns of none.
    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Grade images.

        Args:
            context: MLflow's, unused.
            model_input: A table or a mapping with a column `image`, whose cells are base64 text or
                the bytes of an image file; or such cells alone; or uint8 arrays (height, width, 3),
                one or a stack of them.
            params: MLflow's, unused.

        Returns:
            The columns that `columns` lists. Where an image could not be scored, `error_code` and
            `error_message` say why, and the others are empty.
        """
        results = self.detector.detect([to_source(cell) for cell in cells(model_input)])
        names = columns(self.detector.info.labels)
        rows = [dict.fromkeys(names) | to_row(result) for result in results]
        # dtype=object keeps None, which is null in JSON; NaN would not be JSON at all.
        return pd.DataFrame(rows, columns=names, dtype=object)


def columns(labels: Sequence[str]) -> list[str]:
    """Names of the columns of an answer: strings first and last, probabilities between."""
    at_least = [f"at_least_{label}" for label in labels[1:]]
    return ["level", "decision", *labels, *at_least, "error_code", "error_message"]


def cells(model_input: Any) -> Iterable[Any]:
    """The images that an input of any of the accepted kinds holds, one cell each.

    Raises:
        ValueError: It is a table of several columns, none of which is called `image`.
    """
    if isinstance(model_input, pd.DataFrame | Mapping):
        names = list(model_input)
        if IMAGE not in names and len(names) != 1:
            raise ValueError(f"There should be one column, `{IMAGE}`; the columns are {names}.")
        return cells(model_input[IMAGE if IMAGE in names else names[0]])
    if isinstance(model_input, str | bytes) or np.ndim(model_input) == 0:
        return [model_input]
    if isinstance(model_input, np.ndarray) and model_input.ndim == 3:
        return [model_input]
    return list(model_input)


def to_source(cell: Any) -> Source:
    """Turn a cell into an image, or into the error of this one image."""
    if isinstance(cell, np.ndarray) and cell.ndim > 1:
        return cell
    if isinstance(cell, bytes | bytearray | memoryview):
        data = bytes(cell)
        # MLflow gives base64 text as bytes in some of its formats. No image file is base64 text:
        # all of them have zero bytes.
        if not data or not BASE64.fullmatch(data):
            return data
        cell = data.decode("ascii")
    try:
        return read_image(str(cell) if isinstance(cell, str) else cell)
    except ValueError:
        return ImageEncodingError(
            f"A {type(cell).__name__} is no image. Send the image file as base64 text or as bytes, "
            "or an array (height, width, 3) of uint8."
        )


def to_row(result: Result) -> dict[str, Any]:
    """One image's result as a flat record."""
    if isinstance(result, DetectorError):
        return {"error_code": result.code, "error_message": result.message}
    return {
        "level": result.level,
        "decision": result.decision,
        **result.scores,
        **{f"at_least_{label}": value for label, value in result.at_least.items()},
    }


mlflow.models.set_model(NsfwDetectorModel())
