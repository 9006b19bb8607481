"""Which deployment of an online endpoint gets how much of its requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from azure.core.exceptions import HttpResponseError

from scripts.azure.conflicts import WAITS, wait_out
from scripts.azure.deployment.endpoints import get_online_endpoint
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

Traffic: TypeAlias = dict[str, int]


def live(endpoint: Any) -> Traffic:
    """Deployments with traffic, and their percentages."""
    return {name: percent for name, percent in (endpoint.traffic or {}).items() if percent}


def as_text(traffic: Mapping[str, int]) -> str:
    """Traffic as a person reads it."""
    return ", ".join(f"{name} {percent} %" for name, percent in sorted(traffic.items())) or "none"


def shift(traffic: Mapping[str, int], name: str, percent: int) -> Traffic:
    """Give one deployment a share; the others keep theirs in proportion.

    Args:
        traffic: As it is, adding up to 100; or empty.
        name: The deployment.
        percent: Its new share, 0 to 100.

    Returns:
        Whole percentages that add up to 100; empty if nobody would have any.

    Raises:
        OperatorError: The rest would have nobody to go to.
    """
    others = {other: share for other, share in traffic.items() if other != name and share}
    rest = 100 - percent
    if rest and not others:
        if percent == 0:
            return {}
        raise OperatorError(
            f"`{name}` would get {percent} %, and nobody the other {rest} %.",
            "The only deployment with traffic gets all of it: --traffic all",
        )
    total = sum(others.values())
    shares = {other: share * rest // total for other, share in others.items()} if rest else {}
    # Rounding leaves a few percent over; the largest fractions get them.
    for other in sorted(shares, key=lambda o: -(others[o] * rest % total))[
        : rest - sum(shares.values())
    ]:
        shares[other] += 1
    return {other: share for other, share in {**shares, name: percent}.items() if share}


def set_traffic(
    client: MLClient,
    name: str,
    traffic: Mapping[str, int],
    *,
    mirror: Mapping[str, int] | None = None,
    tags: Mapping[str, str | None] | None = None,
) -> None:
    """Make the traffic of an endpoint what it should be. Does nothing if it already is.

    Args:
        client: The workspace.
        name: The endpoint.
        traffic: Deployment to percentage; adds up to 100, or is empty.
        mirror: Deployment that gets copies of a percentage of the requests; its answers go nowhere.
        tags: Tags of the endpoint to set in the same step; None removes one.

    Raises:
        OperatorError: Other changes of the endpoint did not end.
        AzureError: Azure refused.
    """
    waits = iter(WAITS)
    while True:
        endpoint = get_online_endpoint(client, name)
        new_tags = {**(endpoint.tags or {}), **(tags or {})}
        new_tags = {key: value for key, value in new_tags.items() if value is not None}
        wanted = (dict(traffic), dict(mirror or {}), new_tags)
        if (live(endpoint), dict(endpoint.mirror_traffic or {}), endpoint.tags or {}) == wanted:
            return
        endpoint.traffic, endpoint.mirror_traffic, endpoint.tags = wanted
        try:
            client.online_endpoints.begin_create_or_update(endpoint).result()
        except HttpResponseError as error:
            wait_out(error, waits)
        else:
            return
