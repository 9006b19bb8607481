"""The environment of a deployment: whether it suits, and whether its image can be built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.azure.checks import locks
from scripts.azure.checks.document import Document
from scripts.azure.checks.hardware import uses_gpu
from scripts.azure.checks.upload import uploaded_files
from scripts.azure.findings import Finding

OURS = re.compile(r"^azureml:nsfw-image-detector-((?:batch-)?(?:cpu|gpu)|batch)[:@].+$")
MOST_FILES, MOST_BYTES = 100, 2**20
ARGUMENT = re.compile(r"^ARG\s+REQUIREMENTS=(\S+)", re.MULTILINE)


def check_environment(document: Document) -> Iterator[Finding]:
    """Hold the environment against the deployment, and its build context against Azure's limits."""
    reference = document.get("environment")
    if reference is None:
        yield document.error(
            "environment is missing",
            "There would be no image to run.",
            "environment: azureml:nsfw-image-detector-cpu@latest, after scripts.provision.",
        )
        return
    ours = OURS.match(str(reference))
    if ours is None:  # a team's own
        return
    yield from _check_purpose(document, ours[1])
    path = locks.ENVIRONMENT / f"{ours[1]}.yml"
    if path.is_file():
        yield from _check_build(document, path)


def _check_purpose(document: Document, name: str) -> Iterator[Finding]:
    wanted = _wanted(document, gpu=uses_gpu(document))
    engine = str(document.variables.get("ENGINE", "auto")).lower()
    if engine == "auto" and document.kind != "managed" and name == _wanted(document, gpu=True):
        return  # only the cluster knows whether it has GPUs
    if name != wanted:
        reasons = {
            "batch": "Batch jobs need azureml-core, which only the images for batch have.",
            "batch-gpu": "Batch jobs need azureml-core, and a GPU needs torch.",
            "gpu": "A GPU needs torch, and the batch images have no server's routes.",
            "cpu": "Online it is larger than it need be, and may have no OpenVINO.",
        }
        yield document.error(
            f"environment is nsfw-image-detector-{name}",
            reasons[wanted],
            f"environment: azureml:nsfw-image-detector-{wanted}@latest.",
        )


def _wanted(document: Document, *, gpu: bool) -> str:
    if document.kind == "batch":
        return "batch-gpu" if gpu else "batch"
    return "gpu" if gpu else "cpu"


def _check_build(document: Document, path: Path) -> Iterator[Finding]:
    build: Any = yaml.safe_load(path.read_text(encoding="utf-8")).get("build")
    if not isinstance(build, dict):
        return
    context = (path.parent / build.get("path", ".")).resolve()
    dockerfile = build.get("dockerfile_path", "Dockerfile")
    files = uploaded_files(context)
    size = sum(files.values())
    if len(files) > MOST_FILES or size > MOST_BYTES:
        yield document.error(
            f"the build context of {path.name} has {len(files)} files and {size:,} bytes",
            f"Azure builds from at most {MOST_FILES} files and {MOST_BYTES:,} bytes.",
            f"Keep the rest out in {context / '.amlignore'}.",
        )
    if dockerfile not in files:
        yield document.error(
            f"{dockerfile} of {path.name} would not be uploaded",
            "Azure could not build the image.",
            f"Let it through in {context / '.amlignore'}, or make it: make lock.",
        )
        return
    named = ARGUMENT.search((context / dockerfile).read_text(encoding="utf-8"))
    if named:
        yield from _check_lock(document, context, named[1], files)


def _check_lock(
    document: Document, context: Path, name: str, files: dict[str, int]
) -> Iterator[Finding]:
    if name not in files:
        yield document.error(
            f"{name}, from which the image is built, would not be uploaded",
            "The build fails after ten minutes in Azure's queue.",
            f"Let it through in {context / '.amlignore'}, or make it: make lock.",
        )
        return
    source = context / f"{Path(name).stem}.in"
    problems = locks.drift(source, context / name) if source.is_file() else []
    if problems:
        yield document.error(
            f"{name} does not give what {source.name} asks for: {'; '.join(problems)}",
            "The image would be built from the lock, without them.",
            "make lock.",
        )
    else:
        yield document.ok(f"the image's lock {name} gives all that {source.name} asks for")
