"""What already stands in the workspace under the names that a deployment wants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.azure.checks.context import Context
from scripts.azure.findings import Finding
from scripts.azure.waiting import UNDER_WAY, state_of

WAITS = (
    "Azure refuses other changes (409) until that is done.",
    "python -m scripts.deploy waits for it.",
)
MOST_DEPLOYMENTS = 20


def check_endpoint_state(context: Context) -> Iterator[Finding]:
    """Look at the endpoint, if there is one."""
    name, endpoint, document = context.endpoint_name, context.endpoint, context.document
    if endpoint is None:
        yield document.ok(
            f"endpoint {name} does not exist yet in {context.workspace.name}; whether another "
            "workspace in the region has the name shows when it is made"
        )
        return
    state = state_of(endpoint)
    if state in UNDER_WAY:
        yield document.warning(f"endpoint {name} is in the state {state}", *WAITS)
    elif state != "Succeeded":
        yield document.error(
            f"endpoint {name} is in the state {state}",
            "It takes no deployments.",
            "Delete it (python -m scripts.delete) and make it again.",
        )
    else:
        yield document.ok(f"endpoint {name} exists")
    yield from _check_traffic(context, endpoint)


def check_deployment_states(context: Context) -> Iterator[Finding]:
    """Look at the deployments that the endpoint has."""
    for name, deployment in context.deployments.items():
        state = state_of(deployment)
        if state in UNDER_WAY:
            yield context.document.warning(
                f"deployment {name} of {context.endpoint_name} is in the state {state}", *WAITS
            )
        elif state != "Succeeded":
            yield context.document.warning(
                f"deployment {name} of {context.endpoint_name} is in the state {state}",
                "It serves nothing, and may still take quota.",
                "Deploy it again, or delete it: python -m scripts.delete "
                f"{context.endpoint_name} {name}",
            )
    if context.existing is None and len(context.deployments) >= MOST_DEPLOYMENTS:
        yield context.document.error(
            f"{context.endpoint_name} has {len(context.deployments)} deployments",
            f"An endpoint takes {MOST_DEPLOYMENTS}.",
            "Delete those without traffic: python -m scripts.delete.",
        )


def check_insights(context: Context) -> Iterator[Finding]:
    """Look whether there is anywhere for logs to go."""
    if context.document.get("app_insights_enabled") and not context.settings.application_insights:
        yield context.document.error(
            f"app_insights_enabled, and {context.workspace.name} has no Application Insights",
            "The deployment would be refused, or write its logs nowhere.",
            "az ml workspace update --application-insights <resource id>, or switch it off.",
        )


def _check_traffic(context: Context, endpoint: Any) -> Iterator[Finding]:
    traffic = getattr(endpoint, "traffic", None) or {}
    total = sum(traffic.values())
    if context.deployments and total != 100:
        yield context.document.warning(
            f"traffic of {context.endpoint_name} adds up to {total} %",
            "Callers that name no deployment get 404.",
            "Deploying gives it traffic; or: az ml online-endpoint update --traffic ...",
        )
    for name in sorted(set(traffic) - set(context.deployments)):
        if traffic[name]:
            yield context.document.error(
                f"{traffic[name]} % of the traffic of {context.endpoint_name} goes to {name}, "
                "which does not exist",
                "These callers get errors.",
                "az ml online-endpoint update --traffic ...",
            )
