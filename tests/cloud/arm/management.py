"""All parts of the management host."""

from __future__ import annotations

from flask import Blueprint

from tests.cloud.arm import (
    assets,
    authorization,
    batch_deployments,
    batch_endpoints,
    capacity,
    checks,
    computes,
    datastores,
    jobs,
    monitor,
    online_deployments,
    online_endpoints,
    operation_status,
    workspaces,
)
from tests.cloud.arm.paths import WORKSPACE_ID


def blueprints() -> list[Blueprint]:
    """The views; every request is checked before it reaches one."""
    parts = [
        workspaces.blueprint,
        datastores.blueprint,
        assets.blueprint("assets", WORKSPACE_ID),
        online_endpoints.blueprint,
        online_deployments.blueprint,
        batch_endpoints.blueprint,
        batch_deployments.blueprint,
        jobs.blueprint,
        computes.blueprint,
        capacity.blueprint,
        authorization.blueprint,
        monitor.blueprint,
        operation_status.blueprint,
    ]
    for part in parts:
        part.before_request(checks.check_request)
    return parts
