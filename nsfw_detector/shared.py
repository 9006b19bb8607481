"""One detector for all in a process that load the same model.

MLflow loads the model of a Spark function anew for each task, in workers that live for many tasks.
A detector has a thread and the weights in memory, so each worker makes one, and keeps it.
"""

from __future__ import annotations

import threading
from weakref import WeakSet

from nsfw_detector.detector import Detector
from nsfw_detector.settings import Settings

CHECKPOINT = "checkpoint"
"""Name of the artifact of an MLflow model that is the model folder."""

_lock = threading.Lock()
_detectors: dict[tuple[str, str], tuple[Detector, WeakSet[object]]] = {}


def shared_detector(folder: str, user: object) -> Detector:
    """Give the detector of a folder, as the environment variables set it.

    Args:
        folder: Model folder.
        user: Who wants it. A detector stays after its last user has gone, until another is loaded;
            nobody else must close it.

    Raises:
        DetectorError: It cannot be loaded; as `Detector.load`.
    """
    settings = Settings.from_environment()
    key = folder, settings.model_dump_json()
    with _lock:
        # First, so that the memory of what nobody uses is there for what comes.
        for other in [k for k, (_, users) in _detectors.items() if k != key and not users]:
            _detectors.pop(other)[0].close()
        if key not in _detectors:
            _detectors[key] = Detector.load(folder, settings), WeakSet()
        detector, users = _detectors[key]
        users.add(user)
        return detector
