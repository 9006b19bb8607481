"""Under which name and version a model answers."""

from __future__ import annotations

from pathlib import Path

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.engines import Engine
from nsfw_detector.results import ModelInfo
from nsfw_detector.settings import Settings

AZURE_MODELS = "azureml-models"


def identify(checkpoint: Checkpoint, engine: Engine, settings: Settings) -> ModelInfo:
    """Say which model this is.

    A name in the checkpoint's own config comes first, so that the demo checkpoint says "demo"
    wherever it is put; then the settings; then the name and version under which Azure ML mounted
    the registered model (``.../azureml-models/<name>/<version>/...``); then the folder's name.
    """
    registered_name, registered_version = _registered_as(checkpoint.folder)
    config = checkpoint.config
    return ModelInfo(
        name=config.model_name
        or settings.model_name
        or registered_name
        or checkpoint.folder.resolve().name,
        version=config.model_version or settings.model_version or registered_version or "",
        digest=f"sha256:{checkpoint.sha256}",
        engine=engine.name,
        labels=config.label_names,
    )


def _registered_as(folder: Path) -> tuple[str | None, str | None]:
    parts = folder.resolve().parts
    if AZURE_MODELS in parts:
        below = parts[parts.index(AZURE_MODELS) + 1 :]
        if len(below) >= 2:
            return below[0], below[1]
    return None, None
