"""The table of results: one row per file, as Parquet. Its columns are described in docs/batch.md.

Version 1. A column is never renamed or given another meaning under the same version; readers must
expect more columns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nsfw_detector.batch.scoring import FileScore
from nsfw_detector.errors import DetectorError
from nsfw_detector.results import Detection, ModelInfo

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = "1"
VERSION_KEY = b"nsfw_detector.schema"
LABELS_KEY = b"nsfw_detector.labels"


def schema(labels: Sequence[str], embedding_size: int | None = None) -> pa.Schema:
    """The columns of the table.

    Args:
        labels: Of the model, least severe first; each has a column of its probability, and each
            but the first a column `at_least_<label>`.
        embedding_size: Length of the embeddings, which are NaN where a row has an error; None:
            there is no such column.
    """
    import pyarrow as pa

    fields = [
        pa.field("path", pa.string(), nullable=False),
        pa.field("level", pa.string()),
        pa.field("decision", pa.string()),
        *(pa.field(label, pa.float32()) for label in labels),
        *(pa.field(f"at_least_{label}", pa.float32()) for label in labels[1:]),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("format", pa.string()),
        pa.field("frames", pa.int32()),
        pa.field("frame", pa.int32()),
        pa.field("seconds", pa.float32()),
        pa.field("error_code", pa.string()),
        pa.field("error_message", pa.string()),
        pa.field("model_name", pa.string(), nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("model_digest", pa.string(), nullable=False),
        pa.field("engine", pa.string(), nullable=False),
        pa.field("milliseconds", pa.float32(), nullable=False),
    ]
    if embedding_size is not None:
        type_ = pa.list_(pa.float16(), embedding_size)
        fields.append(pa.field("embedding", type_, nullable=False))
    metadata = {VERSION_KEY: SCHEMA_VERSION.encode(), LABELS_KEY: json.dumps(list(labels)).encode()}
    return pa.schema(fields, metadata)


def to_table(
    scores: Sequence[FileScore],
    paths: Sequence[str],
    info: ModelInfo,
    embedding_size: int | None = None,
) -> pa.Table:
    """Make the table of some files.

    Args:
        scores: Of each file.
        paths: Under which each appears in the table.
        info: The model that scored them.
        embedding_size: Length of the embeddings; None leaves them out.
    """
    import pyarrow as pa

    columns = schema(info.labels, embedding_size)
    rows = [to_row(score, path, info) for score, path in zip(scores, paths, strict=True)]
    arrays = [
        _embeddings(scores, embedding_size)
        if field.name == "embedding" and embedding_size is not None
        else pa.array([row.get(field.name) for row in rows], field.type)
        for field in columns
    ]
    return pa.Table.from_arrays(arrays, schema=columns)


def to_json(score: FileScore, path: str) -> str:
    """One file's row as a line of JSON, without what is the same for all and without embedding."""
    return json.dumps({"path": path, **_outcome(score)}, ensure_ascii=False)


def to_row(score: FileScore, path: str, info: ModelInfo) -> dict[str, Any]:
    """One file's row, without what is null and without embedding."""
    return {
        "path": path,
        **_outcome(score),
        "model_name": info.name,
        "model_version": info.version,
        "model_digest": info.digest,
        "engine": info.engine,
        "milliseconds": score.milliseconds,
    }


def _outcome(score: FileScore) -> dict[str, Any]:
    result = score.result
    if isinstance(result, DetectorError):
        return {"error_code": result.code, "error_message": result.message}
    return {
        "level": result.level,
        "decision": result.decision,
        **{label: round(value, 6) for label, value in result.scores.items()},
        **{f"at_least_{label}": round(value, 6) for label, value in result.at_least.items()},
        "width": result.width,
        "height": result.height,
        "format": result.format,
        "frames": result.frames,
        "frame": result.frame,
        "seconds": result.seconds,
    }


def _embeddings(scores: Sequence[FileScore], size: int) -> pa.Array:
    import pyarrow as pa

    # Arrow's own reader fails on null among lists of fixed size, so what is missing is NaN.
    vectors = np.full((len(scores), size), np.nan, dtype=np.float16)
    for row, score in zip(vectors, scores, strict=True):
        if isinstance(score.result, Detection) and score.result.embedding is not None:
            row[:] = score.result.embedding
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), size)
