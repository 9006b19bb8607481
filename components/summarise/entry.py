"""Sum up what scoring found: one table of all parts, counts, and a report with pictures.

Writes `rows.parquet`, `_summary.json` and `report.html`. The report shows no images unless you ask
for thumbnails, and those are blurred beyond recognition of anything but shape and colour.

Example (rows as `score` wrote them):
    python -m components.summarise.entry --rows rows --report report
    python -m components.summarise.entry --rows rows --report report --images samples --thumbnails 8
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pyarrow.parquet as pq

from components.arguments import whole_number
from components.summarise.plots import BINS, histograms
from components.summarise.report import Report
from components.summarise.thresholds import Thresholds
from components.summarise.thumbnails import blurred_thumbnails
from nsfw_detector.batch.read import labels_of, open_rows
from nsfw_detector.batch.summary import Summary, Throughput
from nsfw_detector.errors import DetectorError
from nsfw_detector.policy import DEFAULT_POLICY, Policy


def merge(rows: pyarrow.dataset.Dataset, path: Path) -> None:
    """Write all parts as one file, a batch of rows at a time; it appears whole or not at all."""
    staging = path.with_name(f".{path.name}.tmp")
    try:
        with pq.ParquetWriter(staging, rows.schema, compression="zstd") as writer:
            for batch in rows.to_batches():
                writer.write_batch(batch)
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


def sum_up(
    rows: pyarrow.dataset.Dataset, policy: Policy, images: Path | None, thumbnails: int
) -> tuple[Report, Summary, Throughput | None]:
    """Read the rows, a batch at a time, for a report.

    Args:
        rows: The table.
        policy: The one that is thought to have decided, which is checked.
        images: Folder that was scored, for thumbnails.
        thumbnails: How many.
    """
    written = {Path(part): Path(part).stat().st_mtime for part in rows.files}
    summary = Summary.of_parts(written)
    throughput = Throughput.of_parts(written, summary)
    labels = labels_of(rows)
    thresholds = Thresholds(policy, labels)
    names = [f"at_least_{label}" for label in labels[1:]]
    counts = {label: np.zeros(len(BINS) - 1, dtype=np.int64) for label in labels[1:]}
    for batch in rows.to_batches(["level", "decision", *names]):
        thresholds.add(batch)
        for label, count in counts.items():
            count += np.histogram(batch[f"at_least_{label}"].drop_null().to_numpy(), BINS)[0]
    near = thresholds.near if thresholds.decided else None
    moments = [datetime.fromtimestamp(when, UTC) for when in written.values()]
    report = Report(
        summary,
        throughput,
        min(moments),
        max(moments),
        datetime.now(UTC),
        histograms(counts, list(near or ())),
        near,
        blurred_thumbnails(rows, images, thumbnails),
    )
    return report, summary, throughput


def main() -> None:
    """Parse the command line, sum up, write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True, help="folder that `score` wrote to")
    parser.add_argument("--report", type=Path, required=True, help="folder for the result")
    parser.add_argument("--images", type=Path, help="the images, for thumbnails")
    parser.add_argument(
        "--thumbnails",
        type=whole_number(0),
        default=0,
        help="of the most severe images, blurred (default 0)",
    )
    parser.add_argument(
        "--policy",
        type=Path,
        default=DEFAULT_POLICY,
        help="the policy file that decided, for its thresholds; default: that of the package",
    )
    arguments = parser.parse_args()
    if arguments.thumbnails and arguments.images is None:
        parser.error("--thumbnails needs --images, the folder that was scored")
    try:
        rows = open_rows(arguments.rows)
        policy = Policy.load(arguments.policy)
        report, summary, throughput = sum_up(rows, policy, arguments.images, arguments.thumbnails)
    except DetectorError as error:
        sys.exit(error.message)
    arguments.report.mkdir(parents=True, exist_ok=True)
    merge(rows, arguments.report / "rows.parquet")
    summary.write(arguments.report, throughput)
    (arguments.report / "report.html").write_text(report.html(), encoding="utf-8")
    print(summary.text())
    print(throughput.text() if throughput else "throughput: all rows were written at once")


if __name__ == "__main__":
    main()
