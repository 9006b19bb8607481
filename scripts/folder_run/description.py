"""What the rows of a run are made from: runs that differ in it are not mixed."""

from __future__ import annotations

from typing import Any

from nsfw_detector import Detector, Policy
from nsfw_detector.batch.rows import SCHEMA_VERSION
from nsfw_detector.policy import DEFAULT_POLICY
from scripts.folder_run.shard import Shard
from scripts.inputs import Input

ROW_SETTINGS = {
    "max_image_bytes",
    "max_image_pixels",
    "scaled_decoding",
    "max_frames",
    "max_video_frames",
}
"""The settings that rows depend on, beside the model and the policy."""


def describe(detector: Detector, source: Input, embedding: bool, shard: Shard) -> dict[str, Any]:
    """All that the rows of a run depend on."""
    info, settings = detector.info, detector.settings
    return {
        "schema": SCHEMA_VERSION,
        "input": source.name,
        "shard": [shard.number, shard.count],
        "model": {name: getattr(info, name) for name in ("name", "version", "digest", "engine")},
        "policy": Policy.load(settings.policy_file or DEFAULT_POLICY).model_dump(),
        "settings": settings.model_dump(include=ROW_SETTINGS),
        "embeddings": embedding,
    }
