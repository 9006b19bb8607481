"""Score the files of a batch job's mini-batch: one row per file, whatever the file holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nsfw_detector.detector import Detector
from nsfw_detector.errors import DetectorError
from nsfw_detector.results import Result


def score_files(detector: Detector, paths: Sequence[str]) -> list[str]:
    """Grade files.

    Args:
        detector: The detector.
        paths: Local paths, as a batch job mounts them.

    Returns:
        One JSON object per file, in order, as text on one line. A job counts each as a success;
        a file that cannot be scored has an `error` in its row and never fails its mini-batch.
    """
    results = detector.detect(paths)
    return [json.dumps(row(path, result)) for path, result in zip(paths, results, strict=True)]


def row(path: str, result: Result) -> dict[str, Any]:
    """One file's result as a flat record."""
    if isinstance(result, DetectorError):
        return {"file": path, "error": {"code": result.code, "message": result.message}}
    return {
        "file": path,
        "level": result.level,
        "decision": result.decision,
        **{label: round(value, 6) for label, value in result.scores.items()},
        **{f"at_least_{label}": round(value, 6) for label, value in result.at_least.items()},
        "width": result.width,
        "height": result.height,
    }
