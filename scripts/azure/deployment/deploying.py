"""Make a deployment what its file says, however far an earlier run got."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from scripts.azure.conflicts import WAITS, wait_out
from scripts.azure.deployment.failure import operation_error, report_failure
from scripts.azure.deployment.file import FINGERPRINT_TAG, DeploymentFile, fingerprint
from scripts.azure.errors import describe
from scripts.azure.files import staged
from scripts.azure.waiting import UNDER_WAY, perform, state_of, wait_for

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

MISSING = "not there"
UNRECOVERABLE = "unrecoverable state"
"""What Azure says of a deployment whose very first provisioning failed; it takes no updates."""


def get_deployment(client: MLClient, deployment: DeploymentFile) -> Any:
    """Look the deployment up in Azure; None if there is none."""
    try:
        return _operations(client, deployment).get(deployment.name, deployment.endpoint)
    except ResourceNotFoundError:
        return None


def is_current(existing: Any, mark: str) -> bool:
    """Whether a deployment is healthy and was made from the same fields, versions and code."""
    return bool(
        existing is not None
        and state_of(existing) == "Succeeded"
        and (existing.tags or {}).get(FINGERPRINT_TAG) == mark
    )


def ensure_deployed(client: MLClient, deployment: DeploymentFile) -> bool:
    """Create or update a deployment and wait until it is healthy.

    One that is being made already is waited for; one that is as it should be is left alone.

    Args:
        client: The workspace.
        deployment: As its file describes it, versions pinned.

    Returns:
        Whether anything was changed.

    Raises:
        DeploymentFailedError: It did not become healthy; logs and likely cause were shown.
        OperatorError: Other changes of the endpoint did not end.
        AzureError: Azure refused for want of permission.
    """
    mark = fingerprint(deployment)
    what = f"deployment {deployment.name}"
    waits = iter(WAITS)
    is_made_anew = False
    while True:
        existing = get_deployment(client, deployment)
        if existing is not None and state_of(existing) in UNDER_WAY:
            print(f"Another run began this: waiting for {what}.")
            wait_for(what, lambda: _state(client, deployment))
            existing = get_deployment(client, deployment)
            if existing is not None and state_of(existing) == "Failed":
                raise _failed(client, deployment, operation_error(existing))
        if is_current(existing, mark):
            print(f"{what.capitalize()} is up to date.")
            return False
        try:
            _put(client, deployment, mark, existing, what)
        except HttpResponseError as error:
            if error.status_code in (401, 403):
                raise
            if error.status_code == 409:
                wait_out(error, waits)
            elif UNRECOVERABLE in str(error) and not is_made_anew:
                is_made_anew = True
                print(f"An earlier {what} never started; Azure wants it deleted first.")
                delete_deployment(client, deployment)
            else:
                raise _failed(client, deployment, describe(error)) from None
        else:
            return True


def delete_deployment(client: MLClient, deployment: DeploymentFile) -> None:
    """Delete a deployment and wait until it is gone."""
    perform(
        f"deletion of {deployment.name}",
        lambda: _operations(client, deployment).begin_delete(deployment.name, deployment.endpoint),
        lambda: _state(client, deployment),
    )


def _put(client: MLClient, deployment: DeploymentFile, mark: str, existing: Any, what: str) -> None:
    # The SDK writes into what it sends, and could not send that a second time.
    entity = copy.deepcopy(deployment.entity)
    entity.tags = {**(entity.tags or {}), FINGERPRINT_TAG: mark}
    verb = "Creating" if existing is None else f"Updating (was {state_of(existing)})"
    # A batch deployment starts no machine.
    duration = "" if deployment.is_batch else "; this takes 5 to 20 minutes"
    print(f"{verb} {what}{duration}.", flush=True)
    operations = _operations(client, deployment)
    with ExitStack() as stack:
        if deployment.code is not None:
            entity.code_configuration.code = str(stack.enter_context(staged(deployment.code)))
        perform(
            what,
            lambda: operations.begin_create_or_update(entity),
            lambda: _state(client, deployment),
        )


def _state(client: MLClient, deployment: DeploymentFile) -> str:
    existing = get_deployment(client, deployment)
    return state_of(existing) if existing is not None else MISSING


def _failed(client: MLClient, deployment: DeploymentFile, error: str) -> Exception:
    return report_failure(
        client, deployment.endpoint, deployment.name, error, is_batch=deployment.is_batch
    )


def _operations(client: MLClient, deployment: DeploymentFile) -> Any:
    return client.batch_deployments if deployment.is_batch else client.online_deployments
