"""One process of the folder benchmark: loads on given cores, waits, scores its share of the files.

``python -m benchmarks.folder_worker CHECKPOINT CORES`` with cores as in "0,1". It prints "ready",
reads the paths as one line of JSON, and prints what it did as one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

CHUNK = 20


def main() -> None:
    """Load, say so, and score."""
    # Before anything is imported that counts the cores.
    os.sched_setaffinity(0, [int(core) for core in sys.argv[2].split(",")])
    from benchmarks.worker import memory_mb
    from nsfw_detector import Detector, DetectorError, Settings
    from nsfw_detector.engines.cpu import fast_float

    detector = Detector.load(Path(sys.argv[1]), Settings(precision=fast_float()))
    print("ready", flush=True)
    paths = json.loads(sys.stdin.readline())
    started = time.perf_counter()
    progress, errors = [], 0
    for first in range(0, len(paths), CHUNK):
        results = detector.detect(paths[first : first + CHUNK])
        errors += sum(isinstance(result, DetectorError) for result in results)
        progress.append([first + len(results), time.perf_counter() - started, errors])
    peak_mb, _ = memory_mb()
    print(json.dumps({"progress": progress, "peak_mb": peak_mb}), flush=True)


if __name__ == "__main__":
    main()
