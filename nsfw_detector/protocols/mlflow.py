"""The four request formats of `mlflow models serve`, which share one answer.

MLflow also takes a plain list under `inputs`. Hugging Face uses the same key for base64 text or a
list of it, so here an object under `inputs` is MLflow's, anything else is Hugging Face's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

from typing_extensions import TypedDict

from nsfw_detector.errors import DetectorError, ImageError
from nsfw_detector.protocols.base import ErrorDetail, WireFormat, failure
from nsfw_detector.protocols.frames import Column, Record, SplitFrame
from nsfw_detector.protocols.images import EXAMPLE, Images
from nsfw_detector.protocols.scores import probability
from nsfw_detector.results import ModelInfo, Result

CODES = {429: "REQUEST_LIMIT_EXCEEDED", 504: "DEADLINE_EXCEEDED"}

Row: TypeAlias = dict[str, str | float | ErrorDetail | None]


class MlflowAnswer(TypedDict):
    """One row per image, all with the same columns so that they form a table.

    The columns: `level`, `decision`, a probability per label, `at_least_<label>` for each label
    but the lowest, and `error`, which is null unless all others are.
    """

    predictions: list[Row]


class MlflowError(TypedDict):
    """MLflow's own way to report a failed request."""

    error_code: str
    message: str


class _MlflowRequest(WireFormat):
    def render(self, model: ModelInfo, results: Sequence[Result]) -> MlflowAnswer:
        """Write one row per image."""
        return {"predictions": [_row(model.labels, result) for result in results]}

    @classmethod
    def render_error(cls, error: DetectorError) -> MlflowError:
        """Write the error in MLflow's envelope."""
        default = "BAD_REQUEST" if error.status < 500 else "INTERNAL_ERROR"
        return {"error_code": CODES.get(error.status, default), "message": error.message}


class MlflowSplitRequest(_MlflowRequest):
    """MLflow: a table in pandas' split orientation."""

    example: ClassVar = {"dataframe_split": {"columns": ["image"], "data": [[EXAMPLE]]}}

    dataframe_split: SplitFrame

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the cells of the image column."""
        return self.dataframe_split.data


class MlflowRecordsRequest(_MlflowRequest):
    """MLflow: a table as a list of records."""

    example: ClassVar = {"dataframe_records": [{"image": EXAMPLE}]}

    dataframe_records: Images[Record]

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the image of each record."""
        return self.dataframe_records


class MlflowInstancesRequest(_MlflowRequest):
    """MLflow and TensorFlow Serving: a list of images, or of objects with one each."""

    example: ClassVar = {"instances": [EXAMPLE, {"b64": EXAMPLE}]}

    instances: Images[Record]

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the image of each instance."""
        return self.instances


class MlflowInputsRequest(_MlflowRequest):
    """MLflow: the inputs by name, each a list over the images."""

    example: ClassVar = {"inputs": {"image": [EXAMPLE]}}

    inputs: Column

    def to_images(self) -> Sequence[bytes | ImageError]:
        """Give the images."""
        return self.inputs


def _row(labels: Sequence[str], result: Result) -> Row:
    columns = ["level", "decision", *labels, *(f"at_least_{label}" for label in labels[1:])]
    if isinstance(result, DetectorError):
        return {**dict.fromkeys(columns), "error": failure(result)["error"]}
    scores = [probability(result.scores[label]) for label in labels]
    at_least = [probability(result.at_least[label]) for label in labels[1:]]
    values: list[Any] = [result.level, result.decision, *scores, *at_least]
    return {**dict(zip(columns, values, strict=True)), "error": None}
