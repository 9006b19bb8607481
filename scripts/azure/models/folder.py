"""The folder that is uploaded as a model: exactly the files that score.py uses, and a card."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.checkpoint.checkpoint import CONFIG, WEIGHTS
from nsfw_detector.engines.optimised import FOLDER, MANIFEST, Manifest, graph_path
from scripts.azure import files
from scripts.azure.models.card import CARD


def optimised_manifest(checkpoint: Checkpoint) -> Manifest | None:
    """The manifest of the engine in `optimised/`, if it was made for these very weights.

    The CPU and OpenVINO version that it was made with are looked at where it is served, not here.
    """
    try:
        text = (checkpoint.folder / FOLDER / MANIFEST).read_bytes()
        manifest = Manifest.model_validate_json(text)
    except (OSError, ValidationError):
        return None
    return manifest if manifest.checkpoint_sha256 == checkpoint.sha256 else None


def stage(checkpoint: Checkpoint, folder: Path, *, optimised: bool) -> None:
    """Make the folder of a checkpoint: hard links, so that the weights are not copied.

    Args:
        checkpoint: Loaded and verified.
        folder: Is made.
        optimised: Whether the optimised engine goes with it.
    """
    sources = [checkpoint.folder / CONFIG, checkpoint.folder / WEIGHTS]
    if optimised:
        graph = graph_path(checkpoint.folder)
        sources.append(checkpoint.folder / FOLDER / MANIFEST)
        sources += [path for path in (graph, graph.with_suffix(".bin")) if path.is_file()]
    for source in sources:
        files.link(source, folder / source.relative_to(checkpoint.folder))


def content_sha256(folder: Path) -> str:
    """Identity of a model: SHA-256 over names and contents of its files, but for the card.

    The card describes the model and is no part of it: a metric that is added later makes no new
    model.
    """
    paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and p != folder / CARD]
    return files.content_sha256(folder, (p.relative_to(folder).as_posix() for p in paths))
