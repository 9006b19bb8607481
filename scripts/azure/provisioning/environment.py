"""Environments: a new version when what the image is built from has changed, and only then."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from scripts.azure import yaml_file
from scripts.azure.provisioning.outcome import Outcome
from scripts.azure.quiet import quiet_uploads
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

DIGEST_TAG = "lock-sha256"
"""Tag of an environment version: digest of what its image is built from."""

UNUSED_KEYS = ("$schema", "description", "tags", "version")
ATTEMPTS = 5


def environment_digest(path: Path) -> str:
    """Digest of what an environment's image is built from.

    That is the environment's YAML, its Dockerfile, and the files of the build context that the
    Dockerfile names, or its conda file. Others in the context, such as the locks of other images,
    do not count.

    Args:
        path: YAML file of the environment.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    meaning = {key: value for key, value in document.items() if key not in UNUSED_KEYS}
    total = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode())
    for file in _sources(document, path.parent):
        total.update(f"\0{file.name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}".encode())
    return total.hexdigest()


def ensure_environment(client: MLClient, path: Path, *, dry_run: bool) -> Outcome:
    """Make a version of an environment unless the latest one is built from the same.

    Args:
        client: Of the workspace.
        path: YAML file of the environment.
        dry_run: Whether to make nothing.

    Raises:
        OperatorError: Others make versions of it faster than this can.
    """
    from azure.ai.ml import load_environment

    digest = environment_digest(path)
    for _ in range(ATTEMPTS):
        environment = yaml_file.load(load_environment, path)
        latest = max(_versions(client, str(environment.name)), key=_number, default=None)
        if latest is not None and (latest.tags or {}).get(DIGEST_TAG) == digest:
            return Outcome("environment", f"{environment.name}:{latest.version}", "exists")
        # The SDK itself would first try to overwrite the latest version.
        # An archived version is not used any more, but its number is taken.
        taken = _versions(client, str(environment.name), archived=True)
        environment.version = str(max(map(_number, taken), default=0) + 1)
        environment.tags = {**(environment.tags or {}), DIGEST_TAG: digest}
        why = "what it is built from has changed" if latest else ""
        name = f"{environment.name}:{environment.version}"
        if dry_run:
            return Outcome("environment", name, "would be made", why)
        try:
            with quiet_uploads():
                client.environments.create_or_update(environment)
        except ResourceExistsError:
            # Somebody else took the version; or an upload had broken off (see models/registry.py).
            continue
        return Outcome("environment", name, "made", why)
    raise OperatorError(f"{path.name} could not be registered.", "Run it again.")


def _sources(document: dict[str, Any], folder: Path) -> Iterator[Path]:
    """The files that an image is built from, in a fixed order."""
    if "conda_file" in document:
        yield folder / document["conda_file"]
    if "build" not in document:
        return
    context = folder / document["build"]["path"]
    dockerfile = context / document["build"].get("dockerfile_path", "Dockerfile")
    yield dockerfile
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    instructions = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    for file in sorted(p for p in context.rglob("*") if p.is_file() and p != dockerfile):
        if re.search(rf"(?<![\w.-]){re.escape(file.name)}(?![\w.-])", instructions):
            yield file


def _versions(client: MLClient, name: str, *, archived: bool = False) -> list[Any]:
    """Versions of an environment whose names are numbers."""
    from azure.ai.ml.constants import ListViewType

    view = ListViewType.ALL if archived else ListViewType.ACTIVE_ONLY
    try:
        found = list(client.environments.list(name=name, list_view_type=view))
    except ResourceNotFoundError:
        return []
    return [version for version in found if str(version.version).isdigit()]


def _number(version: Any) -> int:
    return int(version.version)
