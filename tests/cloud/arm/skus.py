"""Machine sizes of clusters and managed online endpoints, and the quota that these take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tests.cloud.errors import invalid_fields
from tests.cloud.resources import Resource
from tests.cloud.state import WORKSPACE, State

RESERVE = 1.2  # instances that Azure sets aside for upgrades


@dataclass(frozen=True, slots=True)
class Sku:
    """One machine size: cores, memory, GPUs, the family whose quota it takes, for endpoints too."""

    name: str
    cores: int
    memory_gb: int
    gpus: int
    family: str
    online: bool = True


SKUS = {
    sku.name.lower(): sku
    for sku in (
        Sku("Standard_DS2_v2", 2, 7, 0, "standardDSv2Family"),
        Sku("Standard_DS3_v2", 4, 14, 0, "standardDSv2Family"),
        Sku("Standard_DS4_v2", 8, 28, 0, "standardDSv2Family"),
        Sku("Standard_F2s_v2", 2, 4, 0, "standardFSv2Family"),
        Sku("Standard_F4s_v2", 4, 8, 0, "standardFSv2Family"),
        Sku("Standard_F8s_v2", 8, 16, 0, "standardFSv2Family"),
        Sku("Standard_F16s_v2", 16, 32, 0, "standardFSv2Family"),
        Sku("Standard_D4as_v4", 4, 16, 0, "standardDASv4Family"),
        Sku("Standard_D8as_v4", 8, 32, 0, "standardDASv4Family"),
        Sku("Standard_D4ds_v4", 4, 16, 0, "standardDDSv4Family", online=False),
        Sku("Standard_NC4as_T4_v3", 4, 28, 1, "Standard NCASv3_T4 Family"),
        Sku("Standard_NC8as_T4_v3", 8, 56, 1, "Standard NCASv3_T4 Family"),
        Sku("Standard_NC24ads_A100_v4", 24, 220, 1, "StandardNCADSA100v4Family"),
    )
}


def check(state: State, name: str | None, count: int, old: Resource | None) -> None:
    """Refuse a size that does not exist or does not fit in the subscription's quota.

    Args:
        state: With the quota by family.
        name: The size.
        count: Instances wanted.
        old: The deployment as it exists; what it holds counts.

    Raises:
        ArmError: 400.
    """
    sku = SKUS.get((name or "").lower())
    if sku is None or not sku.online:
        raise invalid_fields({"InstanceType": [f"'{name}' is not supported in this region."]})
    limit = state.quota.get(sku.family, math.inf)
    used = used_cores(state, sku.family) - (held_cores(old) if old is not None else 0)
    needed = cores(sku, count)
    if used + needed > limit:
        raise invalid_fields(
            {
                "VmSize": [
                    f"Not enough quota available for {sku.name} in SubscriptionId "
                    f"{WORKSPACE.subscription}. Current usage/limit: {used}/{limit}. Additional "
                    f"needed: {needed} Please see "
                    "troubleshooting guide, available here: https://aka.ms/oe-tsg#error-outofquota"
                ]
            }
        )


def cores(sku: Sku, count: int) -> int:
    """Cores of quota that so many instances take, the reserve included."""
    return math.ceil(count * RESERVE) * sku.cores


def held_cores(deployment: Resource) -> int:
    """Cores of quota that a deployment holds."""
    sku = SKUS.get(str(deployment.properties.get("instanceType")).lower())
    return cores(sku, int(deployment.fields["sku"]["capacity"])) if sku else 0


def used_cores(state: State, family: str) -> int:
    """Cores of a family that all online deployments hold."""
    return sum(
        held_cores(deployment)
        for deployment in state.deployments()
        if SKUS[deployment.properties["instanceType"].lower()].family == family
    )
