"""What every request to the management host must have: a token and an api-version."""

from __future__ import annotations

from flask import request

from tests.cloud import names, tokens
from tests.cloud.errors import ArmError

# The versions of the published API descriptions that azure-ai-ml, azure-mgmt-monitor and
# azure-mgmt-authorization use, by the provider that the path names last.
API_VERSIONS = {
    "microsoft.machinelearningservices": {
        "2021-10-01-dataplanepreview",  # registries
        "2022-02-01-preview",
        "2022-05-01",
        "2022-10-01",
        "2022-10-01-preview",
        "2023-02-01-preview",
        "2023-04-01",
        "2023-04-01-preview",
        "2023-06-01-preview",
        "2023-08-01-preview",
        "2023-10-01",
        "2024-01-01-preview",
        "2024-04-01-preview",
        "2024-10-01",
        "2024-10-01-preview",
        "2025-01-01-preview",
    },
    "microsoft.insights": {"2022-10-01", "2024-02-01", "2018-01-01"},
    "microsoft.authorization": {"2022-04-01", "2022-05-01-preview"},
}


def check_token() -> None:
    """Refuse a request without a token for management.

    Raises:
        ArmError: 401.
    """
    if not tokens.accepts(request.headers.get("Authorization"), f"https://{names.MANAGEMENT}"):
        raise ArmError(
            401,
            "InvalidAuthenticationToken",
            "The access token is missing, expired or for another audience.",
            headers={"WWW-Authenticate": f'Bearer authorization_uri="https://{names.LOGIN}"'},
        )


def check_request() -> None:
    """Refuse what Azure Resource Manager refuses before it looks at the resource.

    Raises:
        ArmError: 401 without a token for management; 400 without an api-version that is known.
    """
    check_token()
    version = request.args.get("api-version")
    if not version:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    provider = request.path.rpartition("/providers/")[2].partition("/")[0].lower()
    known = API_VERSIONS.get(provider)
    if known is None:
        raise ArmError(404, "InvalidResourceNamespace", f"No namespace '{provider}'.")
    if version not in known:
        raise ArmError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{version}' of '{provider}'. "
            f"The supported api-versions are '{', '.join(sorted(known))}'.",
        )
