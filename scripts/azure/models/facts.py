"""What is known of a checkpoint that is registered: where it came from and what it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.checkpoint.checkpoint import CONFIG, WEIGHTS
from scripts.pins import PINS

DEMO_NAME = "nsfw-detector-demo"
"""`model_name` in the demo checkpoint's config.json."""

LICENCES = {"Freepik/nsfw_image_detector": "MIT"}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts of one checkpoint, as they go into the model card, tags and properties."""

    source: str
    revision: str
    licence: str
    sha256: str
    labels: tuple[str, ...]
    architecture: str
    input_size: tuple[int, int]
    optimised_engine: str
    demo: bool

    def properties(self) -> dict[str, str]:
        """The facts as Azure keeps them: names and values are text."""
        height, width = self.input_size
        return {
            "source": self.source,
            "revision": self.revision,
            "licence": self.licence,
            "sha256": self.sha256,
            "labels": ",".join(self.labels),
            "architecture": self.architecture,
            "input_size": f"{height}x{width}",
            "optimised_engine": self.optimised_engine,
            "demo": str(self.demo).lower(),
        }


def gather(checkpoint: Checkpoint, model: str, optimised_engine: str | None) -> ModelFacts:
    """Gather the facts of a checkpoint.

    Args:
        checkpoint: Loaded and verified.
        model: As the person named it: a folder, or ``owner/name[@revision]``. A folder whose
            weights are those of a pinned model, by their digest, is of that model.
        optimised_engine: What `scripts/optimise.py` chose for it, if that is registered too.
    """
    source, revision = _origin(checkpoint.sha256, model)
    config = json.loads((checkpoint.folder / CONFIG).read_bytes())
    licence = LICENCES.get(source) or config["pretrained_cfg"].get("license") or "not stated"
    _, height, width = checkpoint.config.pretrained_cfg.input_size
    return ModelFacts(
        source=source,
        revision=revision,
        licence=licence,
        sha256=checkpoint.sha256,
        labels=checkpoint.config.label_names,
        architecture=checkpoint.config.architecture,
        input_size=(height, width),
        optimised_engine=optimised_engine or "none",
        demo=checkpoint.config.model_name == DEMO_NAME,
    )


def _origin(sha256: str, model: str) -> tuple[str, str]:
    for name, pin in PINS.items():
        if pin.files[WEIGHTS].sha256 == sha256:
            return name, pin.revision
    if Path(model).is_dir():
        return f"folder {Path(model).resolve().name}", "none"
    name, _, revision = model.partition("@")
    return name, revision
