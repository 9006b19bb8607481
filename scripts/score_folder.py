"""Score a folder of images, or a container of blobs, into a table of one row per file.

INPUT is a local folder, or blobs: https://<account>.blob.core.windows.net/<container>/<folder>,
with or without SAS, or abfss://<container>@<account>.dfs.core.windows.net/<folder>. Sign-in is by
the SAS, else by AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, else
as `az login` or a managed identity gives it.

The rows go as Parquet files into the folder --out. However the run ends, the same command goes on
from there: files that have a row are left alone, files that could not be read are tried again, and
new ones are added. Ctrl-C finishes the images under way first. Settings such as PRECISION or
POLICY_FILE are environment variables, see the README.

Examples:
    python -m scripts.score_folder photos --out results --model Freepik/nsfw_image_detector
    python -m scripts.score_folder "https://acme.blob.core.windows.net/uploads/2026" --out results
    python -m scripts.score_folder photos --out results-2 --shard 2/8
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from nsfw_detector import Detector, Settings
from nsfw_detector.batch.parts import require_pyarrow
from nsfw_detector.batch.summary import Summary, Throughput
from scripts.command import new_parser, run, whole_number
from scripts.errors import OperatorError
from scripts.fetch_model import resolve_model
from scripts.folder_run.description import describe
from scripts.folder_run.results_folder import ResultsFolder, writing
from scripts.folder_run.scoring import PART_SIZE, score_input
from scripts.folder_run.shard import ALL, Shard
from scripts.folder_run.stop import Stop
from scripts.inputs import open_input
from scripts.paths import DEMO


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, score, sum up; returns the exit status."""
    parser = new_parser(__doc__, changes=False)
    parser.add_argument("input", metavar="INPUT", help="folder or address of blobs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--model", help="folder or Hugging Face id; default: AZUREML_MODEL_DIR")
    parser.add_argument("--embeddings", action="store_true", help="write embeddings, as float16")
    parser.add_argument(
        "--part-size",
        type=whole_number(1),
        default=PART_SIZE,
        metavar="ROWS",
        help=f"rows of one Parquet file; a kill loses at most as many (default {PART_SIZE})",
    )
    parser.add_argument(
        "--shard",
        type=Shard.parse,
        default=ALL,
        metavar="I/N",
        help="score only the I-th of N shares of the files; give each its own --out",
    )
    parser.add_argument(
        "--restart", action="store_true", help="remove the results in --out and begin anew"
    )
    options = parser.parse_args(arguments)
    require_pyarrow()
    settings = Settings.from_environment()
    model = resolve_model(options.model or str(settings.azureml_model_dir))
    with closing(ResultsFolder(options.out)) as results:
        source = open_input(options.input, options.out)
        detector = Detector.load(model, settings)
        with closing(detector):
            results.begin(
                describe(detector, source, options.embeddings, options.shard),
                restart=options.restart,
            )
            again = results.drop_tried_again()
            _announce(detector, results, model, again)
            stop = Stop()
            with stop.on_signals():
                throughput = score_input(
                    detector,
                    source,
                    results,
                    embedding=options.embeddings,
                    part_size=options.part_size,
                    shard=options.shard,
                    stop=stop,
                )
        shares = options.shard != ALL  # one of few files may be empty
        if not (results.parts() or shares or source.unlisted or stop.signal):
            raise OperatorError(f"There are no files in {source.name}.", "Check the input.")
        _sum_up(results, throughput)
    if stop.signal is not None:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 128 + stop.signal
    if source.unlisted:
        raise OperatorError(
            f"{source.unlisted} folders of {source.name} could not be listed to their end: files "
            "are missing from the table.",
            "Check that the input is there and may be read. The same command goes on from here.",
        )
    return 0


def _announce(detector: Detector, results: ResultsFolder, model: Path, again: int) -> None:
    print(f"Model {detector.info.name} ({detector.info.engine})", file=sys.stderr)
    if model.resolve() == DEMO:
        print(
            "THIS IS THE DEMO CHECKPOINT: it counts drawn warning badges and knows nothing of "
            "nudity. Never moderate with it.",
            file=sys.stderr,
        )
    if done := results.rows():
        print(f"Going on: {done} files have a row already", file=sys.stderr)
    if again:
        print(f"Trying again: {again} files that could not be read", file=sys.stderr)


def _sum_up(results: ResultsFolder, throughput: Throughput) -> None:
    summary = Summary.of_parts(results.parts())
    with writing(results.path):
        summary.write(results.path, throughput if throughput.files else None)
    print(summary.text())
    print(
        f"This run: {throughput.files} files in {throughput.seconds:.1f} s, "
        f"{throughput.images_per_second:.2f} images/s. Rows in {results.path}/part-*.parquet"
    )


if __name__ == "__main__":
    run(main)
