"""Resources of Azure Resource Manager, as the stand-in keeps and shows them."""

from __future__ import annotations

import threading
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.cloud import tokens
from tests.cloud.errors import not_found

OTHER_FIELDS = ("location", "tags", "kind", "sku", "identity")


@dataclass(slots=True)
class Resource:
    """One resource.

    Attributes:
        id: Its full resource id.
        properties: What ARM shows under `properties`.
        fields: What it shows beside them: location, tags, kind, sku, identity.
        created: When it was made.
        modified: When it was last changed.
    """

    id: str
    properties: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: _now())
    modified: str = field(default_factory=lambda: _now())

    @property
    def name(self) -> str:
        return self.id.rpartition("/")[2]

    @property
    def type(self) -> str:
        """As ARM names it, such as `Microsoft.MachineLearningServices/workspaces/models`."""
        provider, *segments = self.id.rpartition("/providers/")[2].split("/")
        return "/".join([provider, *segments[::2]])

    @property
    def state(self) -> str:
        """Its provisioning state."""
        return str(self.properties.get("provisioningState", ""))

    def body(self) -> dict[str, Any]:
        """As ARM shows it."""
        return {
            "id": _shown_id(self.id),
            "name": self.name,
            "type": self.type,
            **deepcopy(self.fields),
            "properties": deepcopy(self.properties),
            "systemData": {
                "createdAt": self.created,
                "createdBy": tokens.CLIENT,
                "createdByType": "Application",
                "lastModifiedAt": self.modified,
                "lastModifiedBy": tokens.CLIENT,
                "lastModifiedByType": "Application",
            },
        }


class Store:
    """All resources by id, whose letter case does not matter; safe from several threads."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self.lock = threading.RLock()

    def find(self, resource_id: str) -> Resource | None:
        """The resource, or None."""
        return self._resources.get(resource_id.lower())

    def get(self, resource_id: str) -> Resource:
        """The resource.

        Raises:
            ArmError: 404, if there is none.
        """
        found = self.find(resource_id)
        if found is None:
            raise not_found(f"The resource '{resource_id}'")
        return found

    def put(self, resource_id: str, body: dict[str, Any], properties: dict[str, Any]) -> Resource:
        """Make the resource, or replace it and keep the time of its making.

        Args:
            resource_id: Its id.
            body: As it was sent.
            properties: What it shows under `properties`.
        """
        fields = {name: body[name] for name in OTHER_FIELDS if body.get(name) is not None}
        resource = Resource(resource_id, properties, fields)
        with self.lock:
            old = self.find(resource_id)
            if old is not None:
                resource.id, resource.created = old.id, old.created
            self._resources[resource_id.lower()] = resource
        return resource

    def types(self) -> Counter[str]:
        """How many resources there are of each type."""
        with self.lock:
            return Counter(resource.type for resource in self._resources.values())

    def remove(self, resource_id: str) -> None:
        """Remove the resource and everything below it."""
        key = resource_id.lower()
        with self.lock:
            for other in [k for k in self._resources if k == key or k.startswith(key + "/")]:
                del self._resources[other]

    def children(self, collection_id: str) -> list[Resource]:
        """The resources directly in a collection, such as `.../models`, oldest first."""
        prefix = collection_id.lower() + "/"
        with self.lock:
            found = [
                resource
                for key, resource in self._resources.items()
                if key.startswith(prefix) and "/" not in key[len(prefix) :]
            ]
        return sorted(found, key=lambda resource: resource.created)


def _shown_id(resource_id: str) -> str:
    """Assets of registries are shown with their address."""
    _, registry, path = resource_id.partition("/registries/")
    return f"azureml://registries/{path}" if registry else resource_id


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
