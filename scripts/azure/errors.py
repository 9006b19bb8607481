"""What the errors of Azure's SDK mean, in plain words."""

from __future__ import annotations

import re

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)

from scripts.errors import OperatorError

ROLES = (
    (r"Microsoft\.Insights/.*/read$", "`Monitoring Reader` on the resource group"),
    # The monitoring roles cannot write autoscale settings.
    (r"Microsoft\.Insights/", "`Contributor` on the resource group"),
    (r"Microsoft\.Authorization/.*/read$", "`Reader` on the resource group"),
    (r"Microsoft\.MachineLearningServices/locations/", "`Reader` on the subscription"),
    (
        r"Microsoft\.MachineLearningServices/workspaces/computes/(write|delete)$",
        "`AzureML Compute Operator` on the workspace",
    ),
    (r"Microsoft\.MachineLearningServices/|$", "`AzureML Data Scientist` on the workspace"),
)
"""The least role for an action; the last one also where the action is not told."""


def explain(error: Exception) -> OperatorError:
    """Say in plain words what an error of Azure's SDK means.

    Args:
        error: As the SDK raised it.

    Returns:
        An error to show; for unknown ones the service's own message.
    """
    if isinstance(error, ClientAuthenticationError):
        reason = re.search(r"AADSTS\d+: [^.\n]*", str(error))
        return OperatorError(
            f"Azure did not accept the sign-in{f': {reason.group()}' if reason else ''}.",
            "Run `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET.",
        )
    if isinstance(error, ServiceRequestError):
        return OperatorError(
            f"Azure could not be reached: {error.message}",
            "Check the network and the proxy. A workspace with a private endpoint is reached from "
            "its own network only.",
        )
    if isinstance(error, HttpResponseError):
        code = error.error.code if error.error else None
        told = describe(error)
        if error.status_code == 403 or code == "AuthorizationFailed":
            return OperatorError(f"Azure refused: {told}", _role_for(told))
        if code in ("QuotaExceeded", "OutOfQuota", "InsufficientQuota"):
            return OperatorError(
                f"The subscription has too little quota: {told}",
                "Take a smaller SKU or fewer instances, or ask for quota at "
                "https://ml.azure.com/quota. Online deployments need 20 % more than they run.",
            )
        if "already an endpoint with this name" in told:
            return OperatorError(
                "Another endpoint in the region has this name.",
                "Give yours another: --endpoint NAME (of a batch endpoint: --batch-endpoint NAME).",
            )
        if error.status_code == 404:
            return OperatorError(
                f"Azure does not find it: {told}", "Look at the names that you gave."
            )
        return OperatorError(
            f"Azure answered {error.status_code}: {told}",
            "Running the script again is safe: it goes on where it stopped.",
        )
    return OperatorError(f"{type(error).__name__}: {error}", "Run the script with --help.")


def _role_for(refusal: str) -> str:
    """What lets one do what was refused, by the action that Azure names in its message."""
    action = re.search(r"action '(Microsoft(?:\.\w+)+(?:/\w+)+)'", refusal, re.IGNORECASE)
    wanted = action[1] if action else ""
    role = next((role for pattern, role in ROLES if re.match(pattern, wanted, re.IGNORECASE)), None)
    if role is None:
        return f"Have someone give your identity a role with the action {wanted}."
    return f"Have someone give your identity the role {role}."


def describe(error: HttpResponseError) -> str:
    """Code and message of an error of Azure on one line."""
    told = error.error
    first = (told.code, told.message) if told else (None, None)
    parts: list[tuple[str | None, str | None]] = [(first[0], first[1] or error.message)]
    # What Azure ML itself says is inside: "The request is invalid." alone helps nobody.
    parts += [(detail.code, detail.message) for detail in (told.details if told else None) or []]
    return " ".join(_with_code(code, " ".join(str(message).split())) for code, message in parts)


def _with_code(code: str | None, text: str) -> str:
    return f"{code}: {text}" if code and code not in text else text
