"""A model given as a local path: verified as score.py will verify it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.checkpoint.checkpoint import CONFIG, WEIGHTS
from nsfw_detector.engines.optimised import FOLDER, MANIFEST, Manifest
from nsfw_detector.errors import CheckpointError
from scripts.azure.checks.document import Document
from scripts.azure.checks.hardware import uses_gpu
from scripts.azure.checks.locks import locked_version
from scripts.azure.checks.upload import uploaded_files
from scripts.azure.findings import Finding

MOST_FILES = 1500


def check_model(document: Document) -> Iterator[Finding]:
    """Look at what the deployment says of its model, and into its folder if it is a local one."""
    model: Any = document.get("model")
    path = model.get("path") if isinstance(model, dict) else None
    if model is None:
        yield document.error(
            "model is missing",
            "The container would find no weights.",
            "model: azureml:nsfw-image-detector@latest, after scripts.register_model.",
        )
    elif isinstance(path, str) and ":" not in path:
        folder = (document.path.parent / path).resolve()
        if not folder.is_dir():
            yield document.error(
                f"model.path: {folder} is no folder",
                f"A folder with {CONFIG} and {WEIGHTS} is needed.",
                "The path is relative to this file's folder.",
            )
            return
        yield from _check_folder(document, folder)


def _check_folder(document: Document, folder: Path) -> Iterator[Finding]:
    digest = document.variables.get("CHECKPOINT_SHA256")
    try:
        checkpoint = Checkpoint.load(folder, digest if isinstance(digest, str) else None)
    except CheckpointError as error:
        yield document.error(
            f"model.path: {error.message}",
            "The container stops when it starts: score.py verifies the folder in the same way.",
            "python -m scripts.fetch_model brings the published files.",
        )
        return
    yield document.ok(f"the model in {folder} is sound, SHA-256 {checkpoint.sha256}")
    files = uploaded_files(folder)
    inside = checkpoint.folder.relative_to(folder)
    for name in ((inside / n).as_posix() for n in (CONFIG, WEIGHTS)):
        if name not in files:
            yield document.error(
                f"model.path: {name} would not be uploaded",
                "An .amlignore or .gitignore in that folder leaves it behind, silently.",
                f"Remove the ignore file from {folder}.",
            )
    if len(files) > MOST_FILES:
        yield document.error(
            f"model.path: {len(files)} files",
            f"A version of a model may have {MOST_FILES}.",
            f"Keep only {CONFIG}, {WEIGHTS} and {FOLDER}/.",
        )
    yield from _check_optimised(document, checkpoint)


def _check_optimised(document: Document, checkpoint: Checkpoint) -> Iterator[Finding]:
    path = checkpoint.folder / FOLDER / MANIFEST
    if not path.is_file() or uses_gpu(document):
        return
    how = "Run scripts/optimise.py again on a machine of the size that serves."
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        yield document.warning(
            f"{path} is not valid: {error.error_count()} problems", "It is ignored.", how
        )
        return
    served = locked_version("openvino", "cpu.lock")
    if manifest.checkpoint_sha256 != checkpoint.sha256:
        yield document.warning(
            f"{path} was measured with other weights", "It is ignored: no int8.", how
        )
    elif served and not manifest.openvino.startswith(served):
        yield document.warning(
            f"{path} was measured with OpenVINO {manifest.openvino}; the image has {served}",
            "It is ignored: no int8.",
            how,
        )
    else:
        yield document.ok(
            f"the optimised engine {manifest.engine} is used on CPUs whose fastest instructions "
            f"are {manifest.instruction_set}, and no others"
        )
