"""Whether the subscription has the cores that a deployment or a cluster takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scripts.azure.checks.context import Context
from scripts.azure.checks.document import Document
from scripts.azure.checks.hardware import find_family, quota_cores
from scripts.azure.findings import Finding
from scripts.azure.workspace import Workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

TOTAL = "total cluster dedicated regional"


@dataclass(frozen=True, slots=True)
class Quota:
    """Cores of one family, or of all, in the workspace's region."""

    name: str
    used: int
    limit: int


def check_quota(context: Context) -> Iterator[Finding]:
    """Compare what the deployment takes, beyond what it already has, with what is left."""
    document = context.document
    size = str(document.get("instance_type", ""))
    family = find_family(size)
    if document.kind != "managed" or family is None:
        return
    needed = quota_cores(size, document.number("instance_count", 1)) - _held(context, family.name)
    quotas = list(_quotas(context.client, context.workspace))
    of_family = _named(quotas, family.name)
    if not of_family:
        yield document.warning(
            f"the quota of the family {family.name} could not be read",
            f"The deployment takes {needed} cores of it.",
            "Look at https://ml.azure.com/quota.",
        )
    for quota in [*of_family, *_named(quotas, TOTAL)]:
        left = quota.limit - quota.used
        if needed > left:
            yield document.error(
                f"{size} x {document.number('instance_count', 1)} takes {needed} cores, and of "
                f"{quota.name} {left} of {quota.limit} are left",
                "The deployment would be refused for lack of quota"
                + (" (20 % more than runs are reserved for upgrades)." if family.reserve else "."),
                "Ask for more at https://ml.azure.com/quota, take a smaller size or fewer "
                "instances, or delete what is not needed (python -m scripts.delete).",
            )
        else:
            yield document.ok(f"{needed} cores more of {quota.name}: {left} are left")


def check_cluster_quota(
    client: MLClient, workspace: Workspace, document: Document
) -> Iterator[Finding]:
    """Compare what a cluster's nodes take with what is left; none are reserved for upgrades.

    Those of low priority have a quota of their own, which is not looked at.
    """
    size, most = document.get("size"), document.number("max_instances", 1)
    if not isinstance(size, str) or _plain(str(document.get("tier"))) == "lowpriority":
        return
    sizes = {str(s.name).lower(): vars(s) for s in client.compute.list_sizes()}
    offered = sizes.get(size.lower())
    if offered is None:
        yield document.error(
            f"the workspace's region does not offer {size} for clusters",
            "Azure refuses the cluster.",
            "One of those that it offers: az ml compute list-sizes --output table.",
        )
        return
    cores = int(offered.get("vCPUs") or offered.get("v_cp_us") or 0)
    quotas = list(_quotas(client, workspace))
    for quota in [*_named(quotas, str(offered.get("family"))), *_named(quotas, TOTAL)]:
        left = quota.limit - quota.used  # a cluster that is at work has part of what is used
        if quota.limit < cores:
            yield document.error(
                f"a node takes {cores} cores, and of {quota.name} there are {quota.limit}",
                "Jobs would wait for ever.",
                "Ask for more at https://ml.azure.com/quota, or take another size.",
            )
        elif left < cores * most:
            yield document.warning(
                f"{most} nodes take {cores * most} cores, and of {quota.name} {left} of "
                f"{quota.limit} are left",
                f"There are {left // cores} nodes more until others end, and jobs take longer.",
                "Ask for more at https://ml.azure.com/quota, or lower max_instances.",
            )
        else:
            yield document.ok(f"{cores * most} cores of {quota.name}: {left} are left")


def _held(context: Context, family: str) -> int:
    """Cores that the deployment already has, if it is one of the same family."""
    existing = context.existing
    size = str(getattr(existing, "instance_type", None) or "")
    found = find_family(size)
    if found is None or found.name != family:
        return 0
    return quota_cores(size, int(existing.instance_count or 1))


def _quotas(client: MLClient, workspace: Workspace) -> Iterator[Quota]:
    """The quotas of dedicated cores that hold for this workspace."""
    for usage in client.compute.list_usage():
        fields: dict[str, Any] = vars(usage)
        identifier = str(fields.get("id") or "")
        foreign = "/workspaces/" in identifier and (
            f"/workspaces/{workspace.name}/".lower() not in f"{identifier}/".lower()
        )
        name = _name(fields)
        limit = fields.get("limit")
        # The SDK leaves its own field empty and adds one under the service's name.
        used = fields.get("current_value") or fields.get("currentValue")
        if not foreign and "lowpriority" not in _plain(name) and limit is not None:
            yield Quota(name, int(used or 0), int(limit))


def _named(quotas: list[Quota], name: str) -> list[Quota]:
    return [quota for quota in quotas if _plain(name) in _plain(quota.name)]


def _name(fields: dict[str, Any]) -> str:
    name = fields.get("name") or {}
    if not isinstance(name, dict):
        name = vars(name)
    return str(name.get("value") or name.get("localized_value") or name.get("localizedValue") or "")


def _plain(name: str) -> str:
    """Without case, spaces and dashes: Azure spells families in several ways."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
