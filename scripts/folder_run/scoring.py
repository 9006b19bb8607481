"""The scoring of all files of an input that have no row yet."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from tqdm import tqdm

from nsfw_detector import Detector, DetectorError
from nsfw_detector.batch import Item, score_items
from nsfw_detector.batch.summary import Throughput
from scripts.folder_run.results_folder import PartWriter, ResultsFolder
from scripts.folder_run.shard import ALL, Shard
from scripts.folder_run.stop import Stop
from scripts.inputs import Input

PART_SIZE = 500
"""Rows of a Parquet file."""


def score_input(
    detector: Detector,
    source: Input,
    results: ResultsFolder,
    *,
    embedding: bool = False,
    part_size: int = PART_SIZE,
    shard: Shard = ALL,
    stop: Stop | None = None,
) -> Throughput:
    """Score the files that have no row yet, with a progress bar.

    Args:
        detector: Scores them.
        source: The files.
        results: Where the rows go.
        embedding: Whether rows have embeddings.
        part_size: Rows of a Parquet file.
        shard: Only this share of the files.
        stop: Ends it early.
    """
    stop = stop or Stop()
    done = results.done()

    def pending() -> Iterator[Item]:
        for item in source.items():
            if stop.signal is not None:
                return
            if item.name in shard and item.name not in done:
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
