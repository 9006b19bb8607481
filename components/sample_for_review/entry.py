"""Choose images for people to look at: the doubtful ones more often, and with known chances.

Images are put into strata by level and by doubt: how far the probability of being at least some
level is from even, at its least. The budget is shared out evenly over the strata that have images,
so that rare levels and doubtful images are seen far more often than in a plain sample. Where there
are more strata than the budget has images, the smallest are put together, so that every image has
its chance. Each row has its `weight`, the number of images that it stands for: counts and rates
that use the weights are right for the whole set.

Example:
    python -m components.sample_for_review.entry --rows out/rows --sample out/sample --budget 200
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
from numpy.typing import NDArray

from components.arguments import whole_number
from nsfw_detector.batch.read import labels_of, open_rows
from nsfw_detector.errors import DetectorError

DOUBT_EDGES = (0.6, 0.9)
DOUBTS = ("sure", "doubtful", "very doubtful")
"""Of a stratum, below, between and above the edges."""


def doubt(at_least: NDArray[np.float32]) -> NDArray[np.float32]:
    """How doubtful each image is: 1 where some "at least" is even, 0 where all are certain.

    Args:
        at_least: (images, levels), probabilities.
    """
    return np.asarray(1 - 2 * np.abs(at_least - 0.5).min(axis=1), dtype=np.float32)


def allocate(sizes: list[int], budget: int) -> list[int]:
    """Share a budget out evenly over strata; what a small one cannot use goes to the others."""
    shares = [0] * len(sizes)
    while budget > 0 and (open_strata := [i for i, n in enumerate(sizes) if shares[i] < n]):
        each = max(1, budget // len(open_strata))
        for i in open_strata:
            more = min(each, sizes[i] - shares[i], budget)
            shares[i] += more
            budget -= more
    return shares


def merge_smallest(strata: dict[str, list[int]], at_most: int) -> dict[str, list[int]]:
    """Put the two smallest strata together until there are no more than so many, at least 1."""
    strata = dict(strata)
    while len(strata) > at_most:
        one, other, *_ = sorted(strata, key=lambda name: (len(strata[name]), name))
        strata[f"{one} + {other}"] = strata.pop(one) + strata.pop(other)
    return strata


def sample(rows: pa.Table, labels: list[str], budget: int, seed: int) -> pa.Table:
    """Draw the sample.

    Args:
        rows: Scored images, with `path`, `level`, `decision` and the `at_least_<label>` columns.
        labels: Of the model, least severe first.
        budget: Images to draw, at most; at least 1.
        seed: The same gives the same sample.

    Returns:
        `path`, `level`, `decision`, `doubt`, `stratum`, `weight`, the `at_least` columns, and an
        empty `label` for the person to fill in; the most doubtful first.
    """
    names = [f"at_least_{label}" for label in labels[1:]]
    doubts = doubt(np.stack([rows[name].to_numpy() for name in names], axis=1))
    bins = np.digitize(doubts, DOUBT_EDGES)
    levels = rows["level"].to_pylist()
    strata: dict[str, list[int]] = {}
    for i, level in enumerate(levels):
        strata.setdefault(f"{level}/{DOUBTS[bins[i]]}", []).append(i)
    strata = dict(sorted(merge_smallest(strata, budget).items()))
    rng = np.random.default_rng(seed)
    chosen: list[tuple[int, str, float]] = []
    shares = allocate([len(members) for members in strata.values()], budget)
    for (stratum, members), share in zip(strata.items(), shares, strict=True):
        for i in rng.choice(members, size=share, replace=False):
            chosen.append((int(i), stratum, len(members) / share))
    chosen.sort(key=lambda c: -doubts[c[0]])
    picked = rows.take(pa.array([i for i, _, _ in chosen], pa.int64()))
    return pa.table(
        {
            "path": picked["path"],
            "level": picked["level"],
            "decision": picked["decision"],
            "doubt": pa.array([float(doubts[i]) for i, _, _ in chosen], pa.float32()),
            "stratum": pa.array([stratum for _, stratum, _ in chosen], pa.string()),
            "weight": pa.array([weight for _, _, weight in chosen], pa.float64()),
            **{name: picked[name] for name in names},
            "label": pa.array([""] * len(chosen), pa.string()),
        }
    )


def main() -> None:
    """Parse the command line, draw the sample, write it as CSV."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True, help="folder that `score` wrote to")
    parser.add_argument("--sample", type=Path, required=True, help="folder for the result")
    parser.add_argument(
        "--budget", type=whole_number(1), default=200, help="images to draw (default 200)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another one draws anew (default 0)")
    arguments = parser.parse_args()
    try:
        rows = open_rows(arguments.rows)
    except DetectorError as error:
        sys.exit(error.message)
    labels = labels_of(rows)
    columns = ["path", "level", "decision", *(f"at_least_{label}" for label in labels[1:])]
    scored = rows.to_table(columns, filter=pa.compute.field("error_code").is_null())
    table = sample(scored.sort_by("path"), labels, arguments.budget, arguments.seed)
    arguments.sample.mkdir(parents=True, exist_ok=True)
    pyarrow.csv.write_csv(table, arguments.sample / "sample.csv")
    print(f"{table.num_rows} of {scored.num_rows} images are to be looked at.")


if __name__ == "__main__":
    main()
