"""The stand-in as tests see it: what to start scripts with, what was sent, what goes wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from flask import Response

from scripts.azure.workspace import Workspace
from tests.cloud import tokens
from tests.cloud.arm import workspaces
from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.azurite import Azurite
from tests.cloud.front import Front
from tests.cloud.log import Sent
from tests.cloud.state import REGISTRY, WORKSPACE, PlannedFailure, State
from tests.cloud.storage import Storage

REDIRECT = Path(__file__).parent / "redirect"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Cloud:
    """One test's Azure.

    Attributes:
        state: Everything that exists in it; see `State`.
        workspace: The workspace that exists.
        registry: Name of the registry that exists.
    """

    def __init__(self, front: Front, azurite: Azurite, authority: Path) -> None:
        self.state = State(Storage(azurite))
        self.workspace: Workspace = WORKSPACE
        self.registry = REGISTRY
        self._front = front
        self._authority = authority
        self.state.store.put(WORKSPACE_ID, workspaces.fields(), workspaces.properties())
        front.state = self.state

    @property
    def port(self) -> int:
        """Where the stand-in listens on loopback."""
        return self._front.port

    @property
    def requests(self) -> list[Sent]:
        """Everything that was sent so far, to any host, in order."""
        return list(self.state.log.requests)

    def hold_operations(self) -> None:
        """Let no long-running operation end, until `release_operations` is called."""
        self.state.operations.may_end.close()

    def release_operations(self) -> None:
        """Let the operations end that are under way, and those to come."""
        self.state.operations.may_end.open()

    def variables(self) -> dict[str, str]:
        """The environment variables that a client needs: sign-in, workspace, certificates."""
        return {
            "AZURE_TENANT_ID": tokens.TENANT,
            "AZURE_CLIENT_ID": tokens.CLIENT,
            "AZURE_CLIENT_SECRET": tokens.SECRET,
            "AZURE_SUBSCRIPTION_ID": WORKSPACE.subscription,
            "AZURE_RESOURCE_GROUP": WORKSPACE.resource_group,
            "AZURE_ML_WORKSPACE": WORKSPACE.name,
            "REQUESTS_CA_BUNDLE": str(self._authority),
            "SSL_CERT_FILE": str(self._authority),
            "NO_PROXY": "*",
        }

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The whole environment of a subprocess whose Azure is this one."""
        mine = {k: v for k, v in os.environ.items() if k not in PROXIES}
        paths = [str(REDIRECT), *filter(None, [mine.get("PYTHONPATH")])]
        return {
            **mine,
            **self.variables(),
            "CLOUD_PORT": str(self.port),
            "PYTHONPATH": os.pathsep.join(paths),
            **(extra or {}),
        }

    def answer_next(
        self,
        method: str,
        path: str,
        status: int,
        code: str = "",
        message: str = "",
        headers: Mapping[str, str] | None = None,
        times: int = 1,
    ) -> None:
        """Answer the next requests that match in the place of the real answer.

        Args:
            method: Their method.
            path: Regular expression that is searched for in `host/path`.
            status: HTTP status of the answer.
            code: Azure's error code; without one the answer has no body.
            message: For people.
            headers: More headers.
            times: How many requests.
        """
        answer = _error(code, message) if code else Response()
        answer.status_code = status
        answer.headers.extend(dict(headers or {}))
        self.state.log.plan(method, path, answer, times)

    def deployment_fails(self, name: str, code: str, message: str, log: str = "") -> None:
        """Let the provisioning of a deployment fail, until `deployment_works` is called."""
        self.state.failures[name] = PlannedFailure(code, message, log)

    def deployment_works(self, name: str) -> None:
        """Take `deployment_fails` back."""
        self.state.failures.pop(name, None)

    def exists(self, path: str) -> bool:
        """Whether a resource exists, by its path below the workspace: `models/m/versions/1`."""
        return self.state.store.find(f"{WORKSPACE_ID}/{path}") is not None

    def finish(self) -> None:
        """Wait for the batch jobs and mirrored requests that are under way."""
        self.state.finish()

    def close(self) -> None:
        """End everything that runs in it."""
        self.state.close()


def _error(code: str, message: str) -> Response:
    """The body of an error of Azure Resource Manager."""
    return Response(
        json.dumps({"error": {"code": code, "message": message}}), content_type="application/json"
    )
