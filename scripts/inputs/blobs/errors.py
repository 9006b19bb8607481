"""Why blobs cannot be read, in plain words."""

from __future__ import annotations

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

from scripts.errors import OperatorError


def explain(error: AzureError) -> OperatorError:
    """Say why nothing can be read. Messages of the SDK may hold the address with its SAS."""
    if is_refused(error):
        return OperatorError(
            f"The storage account did not accept the sign-in: {why(error)}.",
            "A SAS may have expired, or not allow reading and listing; without SAS or key, run "
            "`az login`, and have the role `Storage Blob Data Reader`.",
        )
    if isinstance(error, ResourceNotFoundError):
        return OperatorError(f"There is no such container: {why(error)}.", "Check the address.")
    return OperatorError(
        f"The storage account could not be read: {why(error)}.",
        "Check the address and the network. The same command goes on where it stopped.",
    )


def is_refused(error: AzureError) -> bool:
    """Whether it is for want of a sign-in or of a role."""
    return isinstance(error, ClientAuthenticationError) or (
        isinstance(error, HttpResponseError) and error.status_code in (401, 403)
    )


def error_code(error: AzureError) -> str | None:
    """The storage service's own code, where it gave one."""
    code = getattr(error, "error_code", None)
    return getattr(code, "value", code)


def why(error: AzureError) -> str:
    """Status and code, or what kind of error it was."""
    if isinstance(error, HttpResponseError) and error.status_code:
        return f"{error.status_code} {error_code(error) or error.reason or ''}".strip()
    return type(error).__name__
