"""Reading a table of results back, part by part, however large it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.batch.rows import LABELS_KEY, SCHEMA_VERSION, VERSION_KEY
from nsfw_detector.errors import RowsError

if TYPE_CHECKING:
    import pyarrow.dataset


def open_rows(folder: Path) -> pyarrow.dataset.Dataset:
    """Open the parts in a folder as one table, which is read when it is asked for.

    Raises:
        RowsError: There are no parts, or they are of another kind or version.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    parts = sorted(str(path) for path in folder.rglob("*.parquet") if path.name[0] not in "._")
    if not parts:
        raise RowsError(f"{folder} holds no Parquet parts. Give the folder that scoring wrote to.")
    try:
        rows = ds.dataset(parts)
    except pa.ArrowInvalid as error:
        raise RowsError(f"The parts in {folder} cannot be read: {error}") from None
    version = (rows.schema.metadata or {}).get(VERSION_KEY, b"none").decode()
    if version != SCHEMA_VERSION:
        raise RowsError(
            f"The parts in {folder} are of version {version}; this reads version {SCHEMA_VERSION}."
        )
    return rows


def labels_of(rows: pyarrow.dataset.Dataset) -> list[str]:
    """The labels of the model that scored, least severe first."""
    return list(json.loads(rows.schema.metadata[LABELS_KEY]))


def read_embeddings(folder: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Read the embeddings of all files that were scored.

    Returns:
        Their paths, and their embeddings, each scaled to length 1: float32 (files, features).

    Raises:
        RowsError: The rows have no embeddings.
    """
    rows = open_rows(folder)
    if "embedding" not in rows.schema.names:
        raise RowsError(
            f"The rows in {folder} have no embeddings. Score with the component `embed`, with "
            "BATCH_EMBEDDINGS=true, or with `python -m scripts.score_folder --embeddings`."
        )
    table = rows.to_table(columns=["path", "embedding", "error_code"])
    scored = table.filter(table["error_code"].is_null())
    column = scored["embedding"].combine_chunks()
    vectors = column.values.to_numpy().reshape(len(column), column.type.list_size)
    vectors = vectors.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return scored["path"].to_pylist(), vectors
