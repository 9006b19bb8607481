"""The folder that is uploaded as a model: exactly the files that score.py uses, and a card."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.checkpoint.checkpoint import CONFIG, WEIGHTS
from nsfw_detector.engines.optimised import FOLDER, MANIFEST, Manifest, graph_path
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
    files = [checkpoint.folder / CONFIG, checkpoint.folder / WEIGHTS]
    if optimised:
        graph = graph_path(checkpoint.folder)
        files.append(checkpoint.folder / FOLDER / MANIFEST)
        files += [path for path in (graph, graph.with_suffix(".bin")) if path.is_file()]
    for file in files:
        _link(file, folder / file.relative_to(checkpoint.folder))


def content_sha256(folder: Path) -> str:
    """Identity of a model: SHA-256 over names and contents of its files, but for the card.

    The card describes the model and is no part of it: a metric that is added later makes no new
    model.
    """
    total = hashlib.sha256()
    for name, path in _files(folder):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / CARD:
            yield path.relative_to(folder).as_posix(), path


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = source.resolve()  # the hub's cache keeps links
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
