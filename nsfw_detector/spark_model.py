"""The detector as an MLflow model for `mlflow.pyfunc.spark_udf`: see docs/spark.md.

`scripts/register_model.py --format mlflow --flavour spark` saves it, as it saves `mlflow_model`. It
opens the files that its input names. Only who may run jobs should call it: it is not for endpoints.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, BinaryIO

import mlflow
import pandas as pd

from nsfw_detector.batch.rows import schema, to_row
from nsfw_detector.batch.scoring import Item, score_items
from nsfw_detector.errors import ImageEmptyError, ImageNotFoundError
from nsfw_detector.protocols.frames import IMAGE
from nsfw_detector.shared import CHECKPOINT, shared_detector

PATH = "path"
DETECTION, ERROR, RUN = "detection", "error", "run"

_RUN_COLUMNS = frozenset({"model_name", "model_version", "model_digest", "engine", "milliseconds"})
_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class SparkModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow has no types
    """Grades the images of a table; one row per row, whatever it holds."""

    def load_context(self, context: Any) -> None:
        """Load and verify the checkpoint, unless an earlier task of this process has."""
        self._detector = shared_detector(context.artifacts[CHECKPOINT], self)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Grade images.

        Args:
            context: MLflow's, unused.
            model_input: A table with a column `image`, the bytes of image files, or a column
                `path`, of files as this process can open them, or both: `path` counts where there
                is no `image`.
            params: MLflow's, unused.

        Returns:
            The columns that `structs` lists.
        """
        images, paths = (
            model_input[name] if name in model_input else [None] * len(model_input)
            for name in (IMAGE, PATH)
        )
        info = self._detector.info
        scores = score_items(self._detector, map(to_item, images, paths))
        rows = [to_row(score, score.file, info) for score in scores]
        return pd.DataFrame(
            {
                struct: [{name: row.get(name) for name in names} for row in rows]
                for struct, names in structs(info.labels).items()
            }
        )


def structs(labels: Sequence[str]) -> dict[str, list[str]]:
    """The columns of an answer, and the fields of each.

    The fields are the columns of a batch job's table. They are in structs because MLflow gives
    Spark the word `None` for a string that is missing, except within a struct.
    """
    fields: dict[str, list[str]] = {DETECTION: [], ERROR: [], RUN: []}
    for name in schema(labels).names:
        if name != "path":
            fields[_struct(name)].append(name)
    return fields


def _struct(name: str) -> str:
    if name in _RUN_COLUMNS:
        return RUN
    return ERROR if name in ("error_code", "error_message") else DETECTION


def to_item(image: object, path: object) -> Item:
    """Turn a row into what is to be scored; what is null in pandas is of many types."""

    def open_() -> BinaryIO:
        if isinstance(image, bytes | bytearray | memoryview):
            return io.BytesIO(image)
        if isinstance(path, str):
            return _open(path)
        raise ImageEmptyError(f"The row has no bytes in `{IMAGE}` and no path in `{PATH}`.")

    return Item("", open_)


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except (FileNotFoundError, ValueError):  # a zero byte is a ValueError
        if _URL.match(path):
            raise ImageNotFoundError(
                f"A URL is no path. Give the path under which the workers have it mounted, or the "
                f"bytes in `{IMAGE}`."
            ) from None
        raise ImageNotFoundError("There is no such file on this worker.") from None


mlflow.models.set_model(SparkModel())
