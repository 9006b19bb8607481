"""What lets one do what Azure refused."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError

from scripts.azure.errors import explain

ML = "Microsoft.MachineLearningServices"


@pytest.mark.parametrize(
    ("action", "role"),
    [
        (f"{ML}/workspaces/onlineEndpoints/write", "AzureML Data Scientist"),
        (f"{ML}/workspaces/computes/write", "AzureML Compute Operator"),
        (f"{ML}/workspaces/computes/read", "AzureML Data Scientist"),
        (f"{ML}/locations/usages/read", "`Reader` on the subscription"),
        ("microsoft.insights/autoscalesettings/read", "Monitoring Reader"),
        ("Microsoft.Insights/autoscaleSettings/write", "`Contributor` on the resource group"),
        ("Microsoft.Authorization/roleAssignments/read", "`Reader` on the resource group"),
        ("Microsoft.Network/virtualNetworks/read", "action Microsoft.Network/virtualNetworks/read"),
    ],
)
def test_the_role_is_that_of_the_action(action: str, role: str) -> None:
    error = HttpResponseError(
        f"(AuthorizationFailed) The client 'x' does not have authorization to perform action "
        f"'{action}' over scope '/subscriptions/s' or the scope is invalid."
    )
    error.status_code = 403
    assert role in explain(error).remedy


def test_without_an_action_it_is_the_operators_role() -> None:
    error = HttpResponseError("Forbidden")
    error.status_code = 403
    assert "AzureML Data Scientist" in explain(error).remedy
