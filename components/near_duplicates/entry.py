"""Find near-copies among embedded images: resized, recompressed, slightly cropped.

The embeddings are whitened by their own mean and covariance. Of images whose cosine then reaches
the threshold, the largest is kept, and the others are its copies. What threshold fits depends on
the model and on the images: look at pairs near it (column `similarity`) before you delete anything,
and at what is said of random pairs. It takes different images to tell copies from: a folder that
holds little but copies of one picture has none by this measure, but for exact ones.

Example:
    python -m components.near_duplicates.entry --rows out/rows --clusters out/clusters
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.near_duplicates.chance import Chance
from components.near_duplicates.copies import find_copies, move_distinct
from components.near_duplicates.whitening import whiten
from nsfw_detector.batch.read import read_embeddings
from nsfw_detector.errors import DetectorError

THRESHOLD = 0.98
SCHEMA = pa.schema(
    {
        "cluster": pa.int64(),
        "size": pa.int64(),
        "path": pa.string(),
        "keep": pa.bool_(),
        "similarity": pa.float32(),
    }
)


def near_copies(
    vectors: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float32], Chance | None]:
    """Find the near-copies.

    Args:
        vectors: float32 (n, features), of length 1, the one to keep before its copies. They are
            overwritten.
        threshold: Least cosine after whitening.

    Returns:
        For each the row of the one that is kept (its own if it is kept itself), the cosine with
        that, and what random pairs come to; None if no two differ.
    """
    first, number = move_distinct(vectors)
    if len(first) < 2:
        return first[number], np.ones(len(number), dtype=np.float32), None
    distinct = vectors[: len(first)]
    whiten(distinct)
    chance = Chance.of(distinct, threshold)
    keepers, cosines = find_copies(distinct, threshold)
    return first[keepers[number]], cosines[number], chance


def clusters(
    paths: list[str], keepers: NDArray[np.int64], cosines: NDArray[np.float32]
) -> pa.Table:
    """Make the table of what `near_copies` found.

    Returns:
        One row per image that has a near-copy: `cluster` (0, 1, ... by falling size, then by the
        path that is kept), `size`, `path`, `keep` (true for one image of each cluster),
        `similarity` (cosine to that one). What is kept comes first, then the others by path.
    """
    sizes = np.bincount(keepers, minlength=len(paths))
    kept = sorted(np.flatnonzero(sizes > 1), key=lambda i: (-sizes[i], paths[i]))
    numbers = {int(row): number for number, row in enumerate(kept)}
    members = sorted(
        map(int, np.flatnonzero(sizes[keepers] > 1)),
        key=lambda i: (numbers[int(keepers[i])], keepers[i] != i, paths[i]),
    )
    return pa.table(
        [
            [numbers[int(keepers[i])] for i in members],
            [int(sizes[keepers[i]]) for i in members],
            [paths[i] for i in members],
            [bool(keepers[i] == i) for i in members],
            [float(cosines[i]) for i in members],
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
    parser.add_argument(
        "--threshold",
        type=float,
        default=THRESHOLD,
        help=f"least cosine, from -1 to 1 (default {THRESHOLD})",
    )
    arguments = parser.parse_args()
    if not -1 <= arguments.threshold <= 1:
        parser.error(f"--threshold {arguments.threshold:g} is no cosine, which is from -1 to 1")
    try:
        images = read_embeddings(arguments.rows)
    except DetectorError as error:
        sys.exit(error.message)
    keepers, cosines, chance = near_copies(images.vectors, arguments.threshold)
    table = clusters(images.paths, keepers, cosines)
    arguments.clusters.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, arguments.clusters / "near_duplicates.parquet")
    if len(images.engines) > 1:
        print(f"Embedded by {', '.join(images.engines)}, which differ a little.", file=sys.stderr)
    if chance is not None:
        print(chance.text())
    copies = cosines[keepers != np.arange(len(keepers))]
    if len(copies):
        least, tenth, half = np.quantile(copies, [0, 0.1, 0.5])
        print(f"Cosines of the copies: from {least:.3f}, 10 % below {tenth:.3f}, half {half:.3f}.")
    print(f"{len(keepers)} images: {len(copies)} are near-copies of another that is kept.")


if __name__ == "__main__":
    main()
