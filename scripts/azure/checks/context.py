"""What the checks of a workspace look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.azure.checks.document import Document
from scripts.azure.workspace import Workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


@dataclass(frozen=True, slots=True)
class Context:
    """A deployment's file, and the workspace that it is meant for.

    Attributes:
        client: The SDK's client for the workspace.
        workspace: Which workspace.
        settings: The workspace as Azure describes it.
        document: The deployment's file.
        endpoint_name: Name of its endpoint.
        endpoint: The endpoint, None if the workspace has none of that name.
        deployments: Those that the endpoint has, by name.
    """

    client: MLClient
    workspace: Workspace
    settings: Any
    document: Document
    endpoint_name: str
    endpoint: Any
    deployments: dict[str, Any]

    @property
    def existing(self) -> Any:
        """The deployment as it is now, None if it does not exist."""
        return self.deployments.get(str(self.document.get("name")))
