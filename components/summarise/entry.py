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
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet as pq

from components.arguments import whole_number
from components.summarise.report import Plots, render
from components.summarise.thumbnails import blurred_thumbnails
from nsfw_detector.batch.read import labels_of, open_rows
from nsfw_detector.batch.summary import Summary
from nsfw_detector.errors import DetectorError

MODEL = ["model_name", "model_version", "model_digest", "engine"]


def merge(rows: pyarrow.dataset.Dataset, path: Path) -> None:
    """Write all parts as one file, a batch of rows at a time."""
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
        for batch in rows.to_batches():
            writer.write_batch(batch)


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
    arguments = parser.parse_args()
    if arguments.thumbnails and arguments.images is None:
        parser.error("--thumbnails needs --images, the folder that was scored")
    try:
        rows = open_rows(arguments.rows)
    except DetectorError as error:
        sys.exit(error.message)
    arguments.report.mkdir(parents=True, exist_ok=True)
    merge(rows, arguments.report / "rows.parquet")
    summary = Summary.of_parts(Path(part) for part in rows.files)
    summary.write(arguments.report, None)
    plots = Plots.of_rows(rows, labels_of(rows), summary)
    thumbnails = blurred_thumbnails(rows, arguments.images, arguments.thumbnails)
    page = render(summary, plots, thumbnails, rows.head(1, columns=MODEL).to_pylist()[0])
    (arguments.report / "report.html").write_text(page, encoding="utf-8")
    print(summary.text())


if __name__ == "__main__":
    main()
