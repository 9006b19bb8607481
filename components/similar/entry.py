"""Find the images most similar to given ones, among embedded images.

Example (rows as `embed` wrote them):
    python -m components.similar.entry --queries samples --rows rows --model models/demo --matches m
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.arguments import whole_number
from nsfw_detector import Detector
from nsfw_detector.batch import score_files
from nsfw_detector.batch.paths import relative_path
from nsfw_detector.batch.read import read_embeddings
from nsfw_detector.errors import DetectorError, RowsError


def embed(detector: Detector, folder: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Embed the images of a folder; what is no readable image is told and left out.

    Returns:
        Paths below the folder, and float32 embeddings (images, features) of length 1.

    Raises:
        DetectorError: None could be embedded.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    paths, vectors = [], []
    for score in score_files(detector, files, embedding=True):
        path = relative_path(score.file, folder)
        if isinstance(score.result, DetectorError):
            print(f"{path}: {score.result.message}", file=sys.stderr)
        elif score.result.embedding is not None:
            paths.append(path)
            vectors.append(score.result.embedding / np.linalg.norm(score.result.embedding))
    if not paths:
        raise DetectorError(f"{folder} holds no readable image to compare with.")
    return paths, np.stack(vectors)


def matches(
    queries: tuple[list[str], NDArray[np.float32]],
    images: tuple[list[str], NDArray[np.float32]],
    k: int,
) -> pa.Table:
    """Compare each query with all images, exactly.

    Args:
        queries: Paths and embeddings of length 1.
        images: The same of the images to search.
        k: Images for each query, at most.

    Returns:
        Rows `query`, `rank` (from 1), `path`, `similarity` (cosine), by query and rank.
    """
    index = faiss.IndexFlatIP(images[1].shape[1])
    index.add(images[1])
    cosines, found = index.search(queries[1], min(k, len(images[0])))
    ranks = found.shape[1]
    return pa.table(
        {
            "query": pa.array(np.repeat(np.array(queries[0], object), ranks), pa.string()),
            "rank": pa.array(np.tile(np.arange(1, ranks + 1), len(queries[0])), pa.int32()),
            "path": pa.array([images[0][i] for i in found.ravel()], pa.string()),
            "similarity": pa.array(cosines.ravel(), pa.float32()),
        }
    )


def search(queries: Path, rows: Path, model: Path, k: int) -> tuple[pa.Table, int]:
    """Find the images among the rows that are most like the queries.

    Returns:
        The matches, and among how many images they are.

    Raises:
        RowsError: The rows have no embeddings, or not those of this model.
        DetectorError: The model cannot be loaded, or no query be embedded.
    """
    images = read_embeddings(rows)
    if not images.paths:
        raise RowsError(f"The rows in {rows} have no embeddings: no file of theirs was scored.")
    detector = Detector.load(model)
    if images.digest != detector.info.digest:
        raise RowsError(
            f"The rows in {rows} were embedded by a model with the digest {images.digest}; that of "
            f"{model} is {detector.info.digest}. Give the model that embedded them."
        )
    found = matches(embed(detector, queries), (images.paths, images.vectors), k)
    return found, len(images.paths)


def main() -> None:
    """Parse the command line, search, write the matches."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=Path, required=True, help="folder of images to look for")
    parser.add_argument("--rows", type=Path, required=True, help="folder that `embed` wrote to")
    parser.add_argument("--model", type=Path, required=True, help="the model that embedded them")
    parser.add_argument("--matches", type=Path, required=True, help="folder for the result")
    parser.add_argument(
        "--k", type=whole_number(1), default=10, help="images for each query (default 10)"
    )
    arguments = parser.parse_args()
    try:
        table, searched = search(arguments.queries, arguments.rows, arguments.model, arguments.k)
    except DetectorError as error:
        sys.exit(error.message)
    arguments.matches.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, arguments.matches / "similar.parquet")
    print(f"{table.num_rows} matches among {searched} images.")


if __name__ == "__main__":
    main()
