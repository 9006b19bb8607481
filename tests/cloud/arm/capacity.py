"""What machines there are in a region, and how much quota is left."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from tests.cloud.arm import skus
from tests.cloud.arm.paths import LOCATION, PROVIDER
from tests.cloud.state import State, current

UNLIMITED = 1000  # what a family that a test sets no quota for is shown with
blueprint = Blueprint("capacity", __name__, url_prefix=f"{LOCATION}/<location>")


@blueprint.get("/vmSizes")
def vm_sizes(location: str) -> dict[str, Any]:
    return {"value": [_size(sku) for sku in skus.SKUS.values()]}


@blueprint.get("/usages")
def usages(location: str) -> dict[str, Any]:
    state = current()
    return {"value": [_usage(state, location, family) for family in _families()]}


@blueprint.get("/quotas")
def quotas(location: str) -> dict[str, Any]:
    state = current()
    value = [
        {
            "id": f"{LOCATION}/{location}/quotas/{family}",
            "type": f"{PROVIDER}/quotas",
            "limit": state.quota.get(family, UNLIMITED),
            "unit": "Count",
            "name": {"value": family, "localizedValue": family},
        }
        for family in _families()
    ]
    return {"value": value}


def _families() -> list[str]:
    return sorted({sku.family for sku in skus.SKUS.values()})


def _usage(state: State, location: str, family: str) -> dict[str, Any]:
    return {
        "id": f"{LOCATION}/{location}/usages/{family}",
        "amlWorkspaceLocation": location,
        "type": f"{PROVIDER}/usages",
        "unit": "Count",
        "currentValue": skus.used_cores(state, family),
        "limit": state.quota.get(family, UNLIMITED),
        "name": {"value": family, "localizedValue": f"{family} Cluster Dedicated vCPUs"},
    }


def _size(sku: skus.Sku) -> dict[str, Any]:
    return {
        "name": sku.name,
        "family": sku.family,
        "vCPUs": sku.cores,
        "gpus": sku.gpus,
        "memoryGB": sku.memory_gb,
        "osVhdSizeMB": 1_047_552,
        "maxResourceVolumeMB": 16 * 1024 * sku.cores,
        "lowPriorityCapable": True,
        "premiumIO": True,
        "supportedComputeTypes": ["AmlCompute", "ComputeInstance"],
    }
