"""Register a folder as a model version, once: however often, and however interrupted, it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from scripts.azure.quiet import quiet_uploads
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

IDENTITY = "content_sha256"
"""Property that tells whether a version is the same as what is to be registered."""

Done: TypeAlias = Literal["registered", "restored", "found"]
ATTEMPTS = 5
PATH_TAKEN = "Asset paths cannot be updated"
"""How the service says that a version exists and is of other files."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What is to be registered.

    Attributes:
        name: Of the model; its versions count up.
        kind: `custom_model` or `mlflow_model`.
        folder: Arrives under its own name below `$AZUREML_MODEL_DIR`.
        description: One line.
        properties: Facts, which never change; `content_sha256` among them.
        tags: What people filter by; brought up to date when it is registered again.
    """

    name: str
    kind: str
    folder: Path
    description: str
    properties: Mapping[str, str]
    tags: Mapping[str, str]


def versions(client: MLClient, name: str, *, archived: bool = False) -> list[Any]:
    """The versions of a model, or those that are archived; none where there is no such model."""
    from azure.ai.ml.constants import ListViewType

    view = ListViewType.ARCHIVED_ONLY if archived else ListViewType.ACTIVE_ONLY
    try:
        return list(client.models.list(name=name, list_view_type=view))
    except ResourceNotFoundError:
        return []


def find_same(registered: list[Any], identity: str) -> Any | None:
    """The version with this content, if there is one; the oldest if there are several."""
    same = [model for model in registered if model.properties.get(IDENTITY) == identity]
    return min(same, key=lambda model: int(model.version), default=None)


def register(client: MLClient, registration: Registration) -> tuple[str, Done]:
    """Register a model, or bring the tags of the version that it already is up to date.

    A version that was archived is restored: its content is wanted again.

    Args:
        client: Of a workspace or of a registry.
        registration: What to register.

    Returns:
        The version, and what was done.

    Raises:
        OperatorError: Others register the same name faster than this can.
    """
    for _ in range(ATTEMPTS):
        name, identity = registration.name, registration.properties[IDENTITY]
        existing = find_same(versions(client, name), identity)
        if existing is not None:
            _update_tags(client, existing, registration.tags)
            return str(existing.version), "found"
        archived = find_same(versions(client, name, archived=True), identity)
        if archived is not None:
            client.models.restore(name, archived.version)
            _update_tags(client, archived, registration.tags)
            return str(archived.version), "restored"
        try:
            return str(_create(client, registration).version), "registered"
        except HttpResponseError as error:
            if not _is_worth_another_look(error):
                raise
    raise OperatorError(
        f"{registration.name} could not be registered: its next version was taken by somebody "
        f"else {ATTEMPTS} times.",
        "Run it again.",
    )


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _create(client: MLClient, registration: Registration) -> Any:
    from azure.ai.ml.entities import Model

    print(f"Uploading {size_of(registration.folder) / 1e6:.1f} MB ...", flush=True)
    # Without a version the SDK asks the service for the next one.
    model = Model(
        name=registration.name,
        path=str(registration.folder),
        type=registration.kind,
        description=registration.description,
        properties=dict(registration.properties),
        tags=dict(registration.tags),
    )
    with quiet_uploads():
        return client.models.create_or_update(model)


def _update_tags(client: MLClient, model: Any, tags: Mapping[str, str]) -> None:
    if not tags.items() <= model.tags.items():
        model.tags.update(tags)
        client.models.create_or_update(model)


def _is_worth_another_look(error: HttpResponseError) -> bool:
    """Whether the state has changed in a way that the next attempt can deal with.

    - Somebody else took the version that the service had named: the next attempt gets another.
    - An upload broke off before the file by which the SDK knows its own uploads: it then refuses
      to overwrite the others. By now that file is there, and the next attempt overwrites all.
    """
    return error.status_code == 409 or PATH_TAKEN in str(error)
