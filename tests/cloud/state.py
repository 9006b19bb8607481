"""Everything that the stand-in knows during one test."""

from __future__ import annotations

import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flask import request

from scripts.azure.workspace import Workspace
from tests.cloud.gate import Gate
from tests.cloud.log import Log
from tests.cloud.operations import Operations
from tests.cloud.resources import Resource, Store
from tests.cloud.storage import Storage
from tests.cloud.traffic import Traffic

if TYPE_CHECKING:
    from tests.cloud.batch_job import BatchJob
    from tests.cloud.container import Container

WORKSPACE = Workspace(
    "20000000-0000-4000-8000-000000000001", "moderation-group", "moderation-workspace"
)

REGISTRY = "moderation-registry"
REGISTRY_ID = (
    f"/subscriptions/{WORKSPACE.subscription}/resourceGroups/{WORKSPACE.resource_group}"
    f"/providers/Microsoft.MachineLearningServices/registries/{REGISTRY}"
)


@dataclass(frozen=True, slots=True)
class PlannedFailure:
    """How a deployment is to fail, for reasons that this machine cannot have."""

    code: str
    message: str
    log: str


@dataclass(slots=True)
class State:
    """State of one test.

    Attributes:
        storage: The blob storage.
        log: What was sent.
        store: All resources by id.
        operations: The long-running ones.
        containers: The inference servers, by id of their deployment.
        failures: Deployments that are to fail, by name.
        logs: Last words of containers that did not start, by id of their deployment.
        keys: Primary and secondary key, by id of their endpoint.
        token_seconds: How long an endpoint's own token holds.
        taken_names: Endpoint names that others in the region have.
        quota: Limits in cores by family of machines; a family that is not named has none.
        role_assignments: As ARM shows them; see `arm.authorization.assignment`.
        background: Threads of batch jobs and of mirrored requests.
        batch_jobs: Those under way, by name.
        nodes_are_there: While it is closed, batch jobs wait for nodes.
        mini_batches_may_end: While it is closed, they go on and on.
        traffic: What the scoring hosts answered.
        folder: Where deployments are laid out.
    """

    storage: Storage
    log: Log = field(default_factory=Log)
    store: Store = field(default_factory=Store)
    operations: Operations = field(default_factory=lambda: Operations(WORKSPACE.subscription))
    containers: dict[str, Container] = field(default_factory=dict)
    failures: dict[str, PlannedFailure] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    token_seconds: float = 3600.0
    taken_names: set[str] = field(default_factory=set)
    quota: dict[str, int] = field(default_factory=dict)
    role_assignments: list[dict[str, Any]] = field(default_factory=list)
    background: list[threading.Thread] = field(default_factory=list)
    batch_jobs: dict[str, BatchJob] = field(default_factory=dict)
    nodes_are_there: Gate = field(default_factory=Gate)
    mini_batches_may_end: Gate = field(default_factory=Gate)
    traffic: Traffic = field(default_factory=Traffic)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="cloud-")))

    def deployments(self) -> list[Resource]:
        """All online deployments of the workspace."""
        endpoints = self.store.children(f"{WORKSPACE.arm_id}/onlineEndpoints")
        return [d for e in endpoints for d in self.store.children(f"{e.id}/deployments")]

    def log_of(self, deployment_id: str, lines: int) -> str:
        """The end of a deployment's log."""
        container = self.containers.get(deployment_id.lower())
        if container is not None:
            return container.log(lines)
        return "".join(self.logs.get(deployment_id.lower(), "").splitlines(True)[-lines:])

    def new_folder(self) -> Path:
        """A folder for one container."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def stop_container(self, deployment_id: str) -> None:
        """End a deployment's server, if it runs."""
        container = self.containers.pop(deployment_id.lower(), None)
        if container is not None:
            container.stop()

    def finish(self) -> None:
        """Wait for batch jobs and mirrored requests."""
        for thread in list(self.background):
            thread.join()

    def close(self) -> None:
        """End everything."""
        self.operations.close()
        for job in list(self.batch_jobs.values()):
            job.cancelled.set()
        self.finish()
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.stop_container, list(self.containers)))
        shutil.rmtree(self.folder)


def current() -> State:
    """The state that the request being answered works on."""
    return cast(State, request.environ["cloud.state"])
