"""Reading a table of results back, part by part, however large it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nsfw_detector.batch.rows import LABELS_KEY, SCHEMA_VERSION, VERSION_KEY
from nsfw_detector.errors import RowsError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset

READERS = 16
"""Ends of parts read at once: on a mounted container each waits for the network."""


def parts_in(folder: Path) -> list[Path]:
    """Find the parts of a table, sub-folders included.

    They are the `part-*.parquet` that scoring writes or, where there are none, the one
    `rows.parquet` of the component `summarise`. Whatever else lies in the folder, such as a report
    or clusters made of these very rows, is none of the table.

    Raises:
        RowsError: There are none.
    """
    merged = folder / "rows.parquet"
    parts = sorted(folder.rglob("part-*.parquet")) or [merged] * merged.is_file()
    if not parts:
        raise RowsError(
            f"{folder} holds no rows (part-*.parquet, or the rows.parquet of a report). Give the "
            "folder that scoring wrote to."
        )
    return parts


def open_rows(folder: Path) -> pyarrow.dataset.Dataset:
    """Open the parts in a folder as one table, which is read when it is asked for.

    Raises:
        RowsError: There are no parts, they cannot be read, or they are not all of one kind and of
            the version that this reads.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    parts = parts_in(folder)
    try:
        with ThreadPoolExecutor(READERS) as pool:
            schemas = list(pool.map(pq.read_schema, parts))
    except (pa.ArrowInvalid, OSError) as error:
        raise RowsError(f"The parts in {folder} cannot be read: {error}") from None
    version = (schemas[0].metadata or {}).get(VERSION_KEY, b"none").decode()
    if version != SCHEMA_VERSION:
        raise RowsError(
            f"The parts in {folder} are of version {version}; this reads version {SCHEMA_VERSION}."
        )
    for part, schema in zip(parts, schemas, strict=True):
        if difference := _difference(schemas[0], schema):
            raise RowsError(
                f"The parts in {folder} are of different kinds: {parts[0].name} has "
                f"{difference[0]}, {part.name} has {difference[1]}. Give a folder for each."
            )
    return ds.dataset([str(part) for part in parts], schema=schemas[0])


def _difference(one: pa.Schema, other: pa.Schema) -> tuple[str, str] | None:
    """In what two parts differ, in words for each; None if they make one table."""
    for key in (VERSION_KEY, LABELS_KEY):
        values = [(schema.metadata or {}).get(key, b"none").decode() for schema in (one, other)]
        if values[0] != values[1]:
            name = key.decode().rpartition(".")[2]
            return f"{name} {values[0]}", f"{name} {values[1]}"
    for name in dict.fromkeys([*one.names, *other.names]):
        types = [
            schema.field(name).type if name in schema.names else None for schema in (one, other)
        ]
        if types[0] != types[1]:
            has = [f"`{name}` of type {t}" if t is not None else f"no `{name}`" for t in types]
            return has[0], has[1]
    return None


def labels_of(rows: pyarrow.dataset.Dataset) -> list[str]:
    """The labels of the model that scored, least severe first."""
    return list(json.loads(rows.schema.metadata[LABELS_KEY]))


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The embeddings of all files that were scored: the largest pictures first, then by path.

    The order is the same however the rows were written.

    Attributes:
        paths: Of the files.
        vectors: float32 (files, features), each of length 1.
        digest: Of the model that made them; an empty string if there are none.
        engines: That computed them, sorted.
    """

    paths: list[str]
    vectors: NDArray[np.float32]
    digest: str
    engines: list[str]


def read_embeddings(folder: Path) -> Embeddings:
    """Read the embeddings of all files that were scored.

    The vectors are in memory once, 4 bytes a number, and one batch of rows beside them.

    Raises:
        RowsError: The rows have no embeddings, or those of different models.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = open_rows(folder)
    if "embedding" not in rows.schema.names:
        raise RowsError(
            f"The rows in {folder} have no embeddings. Score with the component `embed`, with "
            "BATCH_EMBEDDINGS=true, or with `python -m scripts.score_folder --embeddings`."
        )
    is_scored = pc.field("error_code").is_null()
    about = rows.to_table(["path", "width", "height"], filter=is_scored)
    digests, engines = _distinct(rows, "model_digest"), _distinct(rows, "engine")
    if len(digests) > 1:
        raise RowsError(
            f"The rows in {folder} are of different models ({', '.join(digests)}), whose "
            "embeddings cannot be compared. Give a folder of one."
        )
    width, height = (about[name].cast(pa.int64()) for name in ("width", "height"))
    about = about.append_column("pixels", pc.multiply(width, height))
    order = pc.sort_indices(about, [("pixels", "descending"), ("path", "ascending")]).to_numpy()
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    vectors = np.empty((len(order), rows.schema.field("embedding").type.list_size), np.float32)
    start = 0
    for batch in _batches(rows):
        part = batch.astype(np.float32)
        lengths = np.linalg.norm(part, axis=1, keepdims=True)
        part /= np.where(lengths > 0, lengths, 1)
        vectors[place[start : start + len(part)]] = part
        start += len(part)
    return Embeddings(about["path"].take(order).to_pylist(), vectors, "".join(digests), engines)


def _distinct(rows: pyarrow.dataset.Dataset, name: str) -> list[str]:
    """The values of a column among files that were scored, sorted."""
    import pyarrow.compute as pc

    found: set[str] = set()
    for batch in rows.to_batches([name], filter=pc.field("error_code").is_null()):
        found.update(pc.unique(batch[name]).to_pylist())
    return sorted(found)


def _batches(rows: pyarrow.dataset.Dataset) -> Iterator[NDArray[np.float16]]:
    """The embeddings of scored files as they lie there, (rows, features); few parts are ahead."""
    for batch in rows.to_batches(
        ["embedding", "error_code"], batch_readahead=1, fragment_readahead=2
    ):
        column = batch["embedding"]
        vectors = column.flatten().to_numpy().reshape(len(column), column.type.list_size)
        yield vectors[batch["error_code"].is_null().to_numpy(zero_copy_only=False)]
