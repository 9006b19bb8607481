"""Score millions of images by a job of a batch endpoint: submit, watch, download the table.

INPUT is azureml://datastores/<datastore>/paths/<path>, an address of blobs
(https://<account>.blob.core.windows.net/<container>/<folder>), a data asset
(azureml:<name>:<version> or azureml:<name>@latest), or a folder on this machine, which is uploaded.
Every file has one row, those in sub-folders and those that cannot be read included; columns:
docs/batch.md.

The job runs in Azure: Ctrl-C only ends the watching. `--job` goes on with it at any time, and
finishes a download that was interrupted. Exit status: 0 if the job completed, 1 if not, 130 after
Ctrl-C.

Examples:
  python -m scripts.batch azureml://datastores/workspaceblobstore/paths/uploads --download results
  python -m scripts.batch https://acme.blob.core.windows.net/uploads/2026 --instances 8 --no-wait
  python -m scripts.batch --job batchjob-4e2f --download results
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from nsfw_detector.batch.summary import Summary, Throughput
from scripts.azure.batch.failure import explain_failure
from scripts.azure.batch.folder import Record, claim, write_record
from scripts.azure.batch.job import BatchJob, State
from scripts.azure.batch.order import place_order
from scripts.azure.batch.results import Results
from scripts.azure.batch.source import find_source
from scripts.azure.batch.watch import Total, watch
from scripts.azure.command import run
from scripts.azure.datastore import open_datastore
from scripts.azure.workspace import add_workspace_arguments, find_workspace, open_workspace
from scripts.command import new_parser, whole_number
from scripts.inputs.blobs.container import Blob

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ENDPOINT = "nsfw-image-detector-batch"


def main() -> int:
    """Submit or find the job, watch it, fetch its results; returns the exit status."""
    options = parse()
    folder: Path | None = options.download
    known = claim(folder, options.job) if folder else None
    client = open_workspace(find_workspace(options))
    if options.job:
        record = known or Record(options.job)
        job = BatchJob(client, record.job)
        total = Total(None, files=record.files)
    else:
        source = find_source(client, options.input)
        order = place_order(
            client,
            source,
            options.endpoint,
            deployment=options.deployment,
            output=options.output,
            instances=options.instances,
            mini_batch_size=options.mini_batch_size,
        )
        print(f"Input: {source.name}")
        print(f"Runs on: deployment {order.deployment} of {order.endpoint}")
        if options.dry_run:
            print("Would submit this job.")
            return 0
        record = Record(order.submit(client), source.name, order.output)
        _remember(folder, record)
        job = BatchJob(client, record.job)
        total = Total(source.count, lambda files: _remember(folder, replace(record, files=files)))
    print(f"Job: {job.name}\n{job.studio_url}", flush=True)
    if options.no_wait:
        print(f"To watch it: {_command(job, folder)}")
        return 0
    results = _finder(client, job, record.output)
    try:
        state = watch(job, results, total)
        return _finish(client, job, state, results(), folder, total.files, record.output)
    except KeyboardInterrupt:
        print(
            f"\nThe job is not affected by this. To go on: {_command(job, folder)}\n"
            f"To end it: az ml job cancel -n {job.name}",
            file=sys.stderr,
        )
        return 130


def _finder(client: MLClient, job: BatchJob, chosen: str | None) -> Callable[[], Results | None]:
    """Gives the results as soon as it is known where they are."""
    found: list[Results] = []

    def find() -> Results | None:
        if not found and (address := chosen or job.output()):
            found.append(Results(lambda: open_datastore(client, address)))
        return found[0] if found else None

    return find


def _finish(
    client: MLClient,
    job: BatchJob,
    state: State,
    results: Results | None,
    folder: Path | None,
    files: int | None,
    chosen: str | None,
) -> int:
    """Fetch what the job has written or read it where it is, and say how it ended."""
    rows = results.progress().rows if results else 0
    print(f"{state.job}: {rows:,} rows" + (f" for {files:,} files" if files else ""))
    if results and rows and folder:
        _download(results, folder)
        _sum_up(results, lambda part: folder / part.name, folder)
        print(f"Rows in {folder}/part-*.parquet")
    elif results and rows and (address := chosen or job.output()):
        _sum_up(results, open_datastore(client, address).open)
        print(f"To fetch them: {_command(job, folder)} --download <folder>")
    if state.job == "Failed":
        print(explain_failure(client, job), file=sys.stderr)
    elif files and rows != files and state.job == "Completed":
        print(
            "The number of rows is not that of the files. Were files added or removed meanwhile?",
            file=sys.stderr,
        )
    return int(state.job != "Completed")


def _sum_up(results: Results, open: Callable[[Blob], Any], folder: Path | None = None) -> None:
    """Print counts and throughput, and write them beside the copy of the parts, if there is one."""
    written = {part: part.modified.timestamp() for part in results.parts()}
    summary = Summary.of_parts(written, open)
    throughput = Throughput.of_parts(written, summary, open)
    if folder:
        summary.write(folder, throughput)
    print(summary.text())
    print(throughput.text() if throughput else "throughput: all rows were written at once")


def _download(results: Results, folder: Path) -> None:
    size = sum(part.size for part in results.parts())
    with tqdm(total=size, desc="Downloading", unit="B", unit_scale=True) as bar:
        for part in results.download(folder):
            bar.update(part.size)


def _remember(folder: Path | None, record: Record) -> None:
    if folder:
        write_record(folder, record)


def _command(job: BatchJob, folder: Path | None) -> str:
    return f"python -m scripts.batch --job {job.name}" + (f" --download {folder}" if folder else "")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, changes=True)
    parser.add_argument("input", metavar="INPUT", nargs="?", help="what to score")
    parser.add_argument("--job", metavar="NAME", help="watch this job instead of submitting one")
    parser.add_argument("--download", type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument("--no-wait", action="store_true", help="submit, and do not watch")
    parser.add_argument("--endpoint", metavar="NAME", default=ENDPOINT, help=f"default: {ENDPOINT}")
    parser.add_argument("--deployment", metavar="NAME", help="default: that of the endpoint")
    parser.add_argument(
        "--output",
        metavar="ADDRESS",
        help="where the results go, azureml://datastores/<datastore>/paths/<path>; nothing may be "
        "there yet",
    )
    parser.add_argument(
        "--instances", type=whole_number(1), metavar="N", help="nodes, in place of the deployment's"
    )
    parser.add_argument(
        "--mini-batch-size",
        type=whole_number(1),
        metavar="N",
        help="files of each call, in place of the deployment's; its time grows with it",
    )
    add_workspace_arguments(parser)
    options = parser.parse_args()
    if (options.input is None) == (options.job is None):
        parser.error("give either INPUT or --job")
    return options


if __name__ == "__main__":
    run(main)
