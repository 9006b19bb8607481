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

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from tqdm import tqdm

from nsfw_detector import Detector, DetectorError, Policy, Settings
from nsfw_detector.batch import Item, score_items
from nsfw_detector.batch.parts import require_pyarrow
from nsfw_detector.batch.rows import SCHEMA_VERSION
from nsfw_detector.batch.summary import Summary, Throughput
from nsfw_detector.policy import DEFAULT_POLICY
from scripts.command import new_parser, run
from scripts.errors import OperatorError
from scripts.fetch_model import resolve_model
from scripts.inputs import Input, open_input
from scripts.name_set import digest
from scripts.paths import DEMO
from scripts.results_folder import PartWriter, ResultsFolder, writing

PART_SIZE = 500
# The settings that rows depend on, beside the model and the policy.
ROW_SETTINGS = {
    "max_image_bytes",
    "max_image_pixels",
    "scaled_decoding",
    "max_frames",
    "max_video_frames",
}


class Stop:
    """Says whether to take no more files, and which signal asked for it."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Catch Ctrl-C and SIGTERM once; the second one ends the process at once."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(number: int, frame: FrameType | None) -> None:
            self.signal = number
            for each in before:
                signal.signal(each, signal.SIG_DFL)
            print("\nFinishing the images under way (again: ends at once) ...", file=sys.stderr)

        try:
            for number in before:
                signal.signal(number, stop)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def score_input(
    detector: Detector,
    source: Input,
    results: ResultsFolder,
    *,
    embedding: bool = False,
    part_size: int = PART_SIZE,
    shard: tuple[int, int] = (1, 1),
    stop: Stop | None = None,
) -> Throughput:
    """Score the files that have no row yet, with a progress bar.

    Args:
        detector: Scores them.
        source: The files.
        results: Where the rows go.
        embedding: Whether rows have embeddings.
        part_size: Rows of a Parquet file.
        shard: (i, n): only the i-th of n shares of the files.
        stop: Ends it early.
    """
    stop = stop or Stop()
    done = results.done()

    def pending() -> Iterator[Item]:
        for item in source.items():
            if stop.signal is not None:
                return
            if is_in_shard(item.name, shard) and item.name not in done:
                yield item

    files = errors = 0
    size = detector.embedding_size if embedding else None
    started = time.perf_counter()
    interval = 0.5 if sys.stderr.isatty() else 30  # a log needs fewer lines
    with (
        tqdm(unit=" images", mininterval=interval, smoothing=0.05) as bar,
        PartWriter(results, detector.info, size, part_size) as writer,
        closing(
            score_items(detector, pending(), embedding=embedding, read_ahead=source.read_ahead)
        ) as scores,
    ):
        threading.Thread(target=_count, args=(pending(), bar), daemon=True).start()
        for score in scores:
            writer.add(score)
            files += 1
            errors += isinstance(score.result, DetectorError)
            bar.set_postfix(errors=errors, refresh=False)
            bar.update()
        seconds = time.perf_counter() - started
    return Throughput(files, files - errors, seconds)


def _count(items: Iterator[Item], bar: tqdm[Any]) -> None:
    """Find out how many there are, beside the scoring: listing millions takes minutes."""
    with suppress(Exception):  # whatever keeps them from being listed ends the scoring too
        bar.total = sum(1 for _ in items)


def is_in_shard(name: str, shard: tuple[int, int]) -> bool:
    """Whether a file belongs to the i-th of n shares, which every machine tells the same."""
    i, n = shard
    return int.from_bytes(digest(name), "big") % n == i - 1


def describe(
    detector: Detector, source: Input, embedding: bool, shard: tuple[int, int]
) -> dict[str, Any]:
    """All that the rows of a run depend on."""
    info, settings = detector.info, detector.settings
    return {
        "schema": SCHEMA_VERSION,
        "input": source.name,
        "shard": list(shard),
        "model": {name: getattr(info, name) for name in ("name", "version", "digest", "engine")},
        "policy": Policy.load(settings.policy_file or DEFAULT_POLICY).model_dump(),
        "settings": settings.model_dump(include=ROW_SETTINGS),
        "embeddings": embedding,
    }


def _shard(text: str) -> tuple[int, int]:
    try:
        i, n = map(int, text.split("/"))
    except ValueError:
        i, n = 0, 0
    if not 1 <= i <= n:
        raise argparse.ArgumentTypeError(f"{text}: give for instance 2/8, the second of eight")
    return i, n


def _part_size(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of rows")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, score, sum up; returns the exit status."""
    parser = new_parser(__doc__, changes=False)
    parser.add_argument("input", metavar="INPUT", help="folder or address of blobs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--model", help="folder or Hugging Face id; default: AZUREML_MODEL_DIR")
    parser.add_argument("--embeddings", action="store_true", help="write embeddings, as float16")
    parser.add_argument(
        "--part-size",
        type=_part_size,
        default=PART_SIZE,
        metavar="ROWS",
        help=f"rows of one Parquet file; a kill loses at most as many (default {PART_SIZE})",
    )
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
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
        shares = options.shard != parser.get_default("shard")  # one of few files may be empty
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
