"""The scoring script that Azure ML calls: `init()` once per process, then `run()`.

An online endpoint (and `azmlinfsrv` on a laptop) calls `run` with an HTTP request, from several
threads at once; a batch endpoint calls it with a list of file paths. Both are scored by the same
`Detector`. All settings are environment variables: see `nsfw_detector/settings.py`.
"""

from __future__ import annotations

from typing import Any

from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches
from nsfw_detector.collection import Collect, create_collection
from nsfw_detector.serving import rawhttp, respond

detector: Detector
mini_batches: MiniBatches
collect: Collect


def init() -> None:
    """Load and verify the checkpoint and score one blank image; not ready before that."""
    global detector, mini_batches, collect
    detector = Detector.load()
    mini_batches = MiniBatches.of_job(detector)
    collect = create_collection(detector.settings)


@rawhttp
def run(data: Any) -> Any:
    """Score an HTTP request, or the files of a mini-batch.

    Args:
        data: The inference server's request, or a batch job's list of file paths.

    Returns:
        An HTTP response, or one JSON line for each file, in order. A batch job's rows are also
        written as Parquet to its output.
    """
    if isinstance(data, list):
        return mini_batches.score(data)
    return respond(detector, data, collect)
