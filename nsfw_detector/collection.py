"""Hand scores to Azure ML's data collector, so that a team can watch them drift.

The collector's own thread sends what it is handed to a container beside this one, which writes it
to blob storage. Rows hold results only: no bytes, ids, names or embeddings. Collecting never fails
a request and never makes it wait: where the sender cannot keep up, rows are dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from nsfw_detector.errors import SettingsError
from nsfw_detector.results import Detection, ModelInfo, Result
from nsfw_detector.settings import Settings

COLLECTION = "model_outputs"
"""Name of the collection: the one that Azure ML's model monitoring looks for."""

Collect: TypeAlias = Callable[[ModelInfo, Sequence[Result]], None]
"""Is told what was found, and by which model."""

logger = logging.getLogger(__name__)


def collect_nothing(model: ModelInfo, results: Sequence[Result]) -> None:
    """Let the results go."""


def create_collection(settings: Settings) -> Collect:
    """Make what the results of each request are to be told to.

    Args:
        settings: `collect_scores` decides.

    Raises:
        SettingsError: Scores are to be collected, but the package for that is not installed.
    """
    if not settings.collect_scores:
        return collect_nothing
    try:
        import pandas as pd
        from azureml.ai.monitoring import Collector
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"COLLECT_SCORES is true, but the package {error.name} is missing: install "
            "azureml-ai-monitoring and pandas, or set COLLECT_SCORES to false."
        ) from None
    failures: set[str] = set()

    def log_once(failure: str) -> None:
        if failure not in failures:  # a full queue is met by every request
            failures.add(failure)
            logger.warning("Scores not collected: %s", failure)

    # Errors are the collector's words on itself. Without on_error it would raise them.
    collector = Collector(name=COLLECTION, on_error=lambda error: log_once(str(error)))

    def collect(model: ModelInfo, results: Sequence[Result]) -> None:
        try:
            if rows := [row(model, result) for result in results if isinstance(result, Detection)]:
                collector.collect(pd.DataFrame(rows))
        except Exception as error:  # whatever it is, the request must get its answer
            log_once(type(error).__name__)

    return collect


def row(model: ModelInfo, result: Detection) -> dict[str, Any]:
    """One image's result as a flat record."""
    return {
        "level": result.level,
        "decision": result.decision,
        **{f"score_{label}": value for label, value in result.scores.items()},
        **{f"at_least_{label}": value for label, value in result.at_least.items()},
        "width": result.width,
        "height": result.height,
        "engine": model.engine,
        "model_digest": model.digest,
    }
