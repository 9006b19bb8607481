"""Find near-copies among embedded images: resized, recompressed, slightly cropped.

Two images are linked if the cosine of their embeddings reaches the threshold; a cluster is whatever
hangs together by links. What threshold fits depends on the model and on the images: look at
clusters near it (column `similarity`) before you delete anything.

Example:
    python -m components.near_duplicates.entry --rows out/rows --clusters out/clusters
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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nsfw_detector.batch.read import read_embeddings
from nsfw_detector.errors import DetectorError

EXACT_UP_TO = 20_000
"""Images up to which all pairs are compared; of more, the nearest few of each by an HNSW graph."""
NEIGHBOURS = 32
BLOCK = 4096
SCHEMA = pa.schema(
    {
        "cluster": pa.int64(),
        "size": pa.int64(),
        "path": pa.string(),
        "keep": pa.bool_(),
        "similarity": pa.float32(),
    }
)


def links(
    vectors: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the pairs that are alike.

    Args:
        vectors: float32 (n, features), of length 1.
        threshold: Least cosine.

    Returns:
        Both ends of each pair, as indices.
    """
    if len(vectors) <= EXACT_UP_TO:
        exact = faiss.IndexFlatIP(vectors.shape[1])
        exact.add(vectors)
        starts, ends = [], []
        for first in range(0, len(vectors), BLOCK):
            # faiss keeps what is more than the radius.
            limits, _, found = exact.range_search(
                vectors[first : first + BLOCK], np.nextafter(np.float32(threshold), np.float32(-2))
            )
            limits = limits.astype(np.int64)
            counts: NDArray[np.int64] = limits[1:] - limits[:-1]
            starts.append(first + np.repeat(np.arange(len(counts)), counts))
            ends.append(found)
        return np.concatenate(starts), np.concatenate(ends)
    index = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)
    cosines, found = index.search(vectors, NEIGHBOURS)
    alike = (cosines >= threshold) & (found >= 0)
    return np.nonzero(alike)[0], found[alike]


def clusters(paths: list[str], vectors: NDArray[np.float32], threshold: float) -> pa.Table:
    """Group near-copies.

    Returns:
        One row per image that has a near-copy: `cluster` (0, 1, ... by falling size), `size`,
        `path`, `keep` (true for one image of each cluster, the first by path), `similarity` (cosine
        to the one that is kept).
    """
    n = len(paths)
    if not n:
        return SCHEMA.empty_table()
    # Exact copies count once: k of them alone would make k x k pairs.
    numbers_of: dict[bytes, int] = {}
    number = [numbers_of.setdefault(vector.tobytes(), len(numbers_of)) for vector in vectors]
    _, representatives = np.unique(number, return_index=True)
    starts, ends = links(vectors[representatives], threshold)
    shape = (len(representatives), len(representatives))
    graph = coo_array((np.ones(len(starts), bool), (starts, ends)), shape=shape)
    component = connected_components(graph, directed=False)[1][number]
    sizes = np.bincount(component)
    order = sorted(
        (i for i in range(n) if sizes[component[i]] > 1),
        key=lambda i: (-sizes[component[i]], component[i], paths[i]),
    )
    kept: dict[int, int] = {}
    for i in order:
        kept.setdefault(int(component[i]), i)
    numbers = {name: number for number, name in enumerate(kept)}
    keepers = [kept[int(component[i])] for i in order]
    return pa.table(
        [
            [numbers[int(component[i])] for i in order],
            [int(sizes[component[i]]) for i in order],
            [paths[i] for i in order],
            [keeper == i for i, keeper in zip(order, keepers, strict=True)],
            [float(vectors[i] @ vectors[k]) for i, k in zip(order, keepers, strict=True)],
        ],
        schema=SCHEMA,
    )


def main() -> None:
    """Parse the command line, find clusters, write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True, help="folder that `embed` wrote to")
    parser.add_argument("--clusters", type=Path, required=True, help="folder for the result")
    parser.add_argument("--threshold", type=float, default=0.98, help="least cosine (default 0.98)")
    arguments = parser.parse_args()
    try:
        paths, vectors = read_embeddings(arguments.rows)
    except DetectorError as error:
        sys.exit(error.message)
    table = clusters(paths, vectors, arguments.threshold)
    arguments.clusters.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, arguments.clusters / "near_duplicates.parquet")
    copies = table.num_rows - sum(table["keep"].to_pylist())
    print(f"{len(paths)} images: {copies} are near-copies of another that is kept.")


if __name__ == "__main__":
    main()
