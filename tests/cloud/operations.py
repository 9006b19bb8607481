"""Long-running operations: accepted at once, done later, polled until then."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Response, jsonify

from tests.cloud import names
from tests.cloud.errors import ArmError
from tests.cloud.gate import Gate
from tests.cloud.resources import Resource

POLL_MILLISECONDS = 50


@dataclass(slots=True)
class Operation:
    """One operation.

    Attributes:
        id: Its name.
        scope: Id of the resource that it works on; no other may work there meanwhile.
        status: `InProgress`, `Succeeded` or `Failed`.
        error: Why it failed.
    """

    id: str
    scope: str
    status: str = "InProgress"
    error: dict[str, Any] | None = None
    thread: threading.Thread = field(default_factory=threading.Thread)


class Operations:
    """All operations of the stand-in.

    Attributes:
        may_end: While it is closed, operations go on and on.
    """

    def __init__(self, subscription: str) -> None:
        self.may_end = Gate()
        self._all: dict[str, Operation] = {}
        self._lock = threading.Lock()
        self._url = (
            f"https://{names.MANAGEMENT}/subscriptions/{subscription}/providers"
            f"/Microsoft.MachineLearningServices/locations/{names.REGION}"
        )

    def start(self, scope: str, work: Callable[[], None]) -> Operation:
        """Begin an operation.

        Args:
            scope: Id of the resource that it works on.
            work: Done in its own thread. An `ArmError` that it raises is how the operation fails.

        Raises:
            ArmError: 409, while another operation works on the same resource.
        """
        operation = Operation(uuid.uuid4().hex, scope.lower())
        with self._lock:
            self.require_free(scope)
            self._all[operation.id] = operation
        operation.thread = threading.Thread(target=self._run, args=(operation, work), daemon=True)
        operation.thread.start()
        return operation

    def require_free(self, scope: str) -> None:
        """Refuse to work on a resource that an operation works on.

        Raises:
            ArmError: 409.
        """
        if any(o.scope == scope.lower() for o in self.under_way()):
            raise ArmError(
                409,
                "Conflict",
                "Conflict of operation, another operation on same entity is already running in "
                f"workspace: {scope}.",
            )

    def all(self) -> list[Operation]:
        """All operations so far."""
        return list(self._all.values())

    def under_way(self) -> list[Operation]:
        """Those that have not ended."""
        return [o for o in self.all() if o.status == "InProgress"]

    def get(self, operation_id: str) -> Operation:
        """One operation.

        Raises:
            ArmError: 404, if there is none.
        """
        if operation_id not in self._all:
            raise ArmError(404, "OperationNotFound", f"No operation {operation_id}.")
        return self._all[operation_id]

    def status(self, operation: Operation) -> Response:
        """The answer to a poll."""
        answer = jsonify(
            {
                "name": operation.id,
                "status": operation.status,
                **({"error": operation.error} if operation.error else {}),
            }
        )
        answer.headers["x-ms-retry-after-ms"] = str(POLL_MILLISECONDS)
        return answer

    def accepted(self, operation: Operation, resource: Resource | None, status: int) -> Response:
        """The answer to the request that began it: the resource, and where to poll."""
        answer = jsonify(resource.body()) if resource is not None else Response()
        answer.status_code = status
        poll = f"{self._url}/mfeOperationsStatus/{operation.id}?api-version=2022-02-01-preview"
        answer.headers["Azure-AsyncOperation"] = poll
        if resource is None:
            answer.headers["Location"] = poll.replace("mfeOperationsStatus", "mfeOperationResults")
        answer.headers["x-ms-async-operation-timeout"] = "PT1H"
        answer.headers["x-ms-retry-after-ms"] = str(POLL_MILLISECONDS)
        return answer

    def close(self) -> None:
        """Let what is running end, and wait for it."""
        self.may_end.open()
        for operation in self.all():
            operation.thread.join()

    def _run(self, operation: Operation, work: Callable[[], None]) -> None:
        try:
            # The wait comes first: the work's last step shows the resource as finished.
            self.may_end.wait()
            work()
        except ArmError as error:
            operation.error = error.error
            operation.status = "Failed"
        except Exception as error:
            operation.error = {"code": "InternalServerError", "message": repr(error)}
            operation.status = "Failed"
            raise
        else:
            operation.status = "Succeeded"
