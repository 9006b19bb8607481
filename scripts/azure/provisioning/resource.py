"""Clusters and endpoints: one of a name, made by an operation that takes minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure import yaml_file
from scripts.azure.provisioning.outcome import Outcome
from scripts.azure.waiting import GONE, UNDER_WAY, perform, state_of, wait_for

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

CLUSTER_FIELDS = ("size", "tier", "min_instances", "max_instances", "idle_time_before_scale_down")
ENDPOINT_FIELDS = ("auth_mode",)
ONLINE_FIELDS = (*ENDPOINT_FIELDS, "public_network_access")


def ensure_cluster(client: MLClient, path: Path, *, dry_run: bool) -> Outcome:
    """Make a compute cluster unless it exists."""
    from azure.ai.ml import load_compute

    cluster = yaml_file.load(load_compute, path)
    return _ensure("cluster", cluster, client.compute, CLUSTER_FIELDS, dry_run=dry_run)


def ensure_online_endpoint(
    client: MLClient, path: Path, name: str | None, *, dry_run: bool
) -> Outcome:
    """Make an online endpoint unless it exists. One that exists keeps its traffic as it is."""
    from azure.ai.ml import load_online_endpoint

    endpoint = yaml_file.load(load_online_endpoint, path, _renamed(name))
    operations = client.online_endpoints
    return _ensure("online endpoint", endpoint, operations, ONLINE_FIELDS, dry_run=dry_run)


def ensure_batch_endpoint(
    client: MLClient, path: Path, name: str | None, *, dry_run: bool
) -> Outcome:
    """Make a batch endpoint unless it exists. One that exists keeps its default deployment."""
    from azure.ai.ml import load_batch_endpoint

    endpoint = yaml_file.load(load_batch_endpoint, path, _renamed(name))
    operations = client.batch_endpoints
    return _ensure("batch endpoint", endpoint, operations, ENDPOINT_FIELDS, dry_run=dry_run)


def _renamed(name: str | None) -> dict[str, str]:
    return {"name": name} if name else {}


def _ensure(
    kind: str, wanted: Any, operations: Any, fields: tuple[str, ...], *, dry_run: bool
) -> Outcome:
    what = f"{kind} {wanted.name}"

    def find() -> Any | None:
        try:
            return operations.get(wanted.name)
        except ResourceNotFoundError:
            return None

    def get_state() -> str:
        found = find()
        return GONE if found is None else state_of(found)

    existing = find()
    if existing is not None and state_of(existing) in UNDER_WAY and not dry_run:
        wait_for(what, get_state)  # another run began it: perhaps its deletion
        existing = find()
    if existing is None:
        if dry_run:
            return Outcome(kind, wanted.name, "would be made")
        perform(what, lambda: operations.begin_create_or_update(wanted), get_state)
        return Outcome(kind, wanted.name, "made")
    if state_of(existing) in ("Failed", "Canceled"):
        how = "see why in the portal, delete it, and run this again"
        return Outcome(kind, wanted.name, "failed", how)
    different = _differences(wanted, existing, fields)
    return Outcome(kind, wanted.name, "differs" if different else "exists", different)


def _differences(wanted: Any, existing: Any, fields: tuple[str, ...]) -> str:
    pairs = ((name, getattr(wanted, name), getattr(existing, name)) for name in fields)
    return "; ".join(
        f"{name} is {there}, the file has {here}"
        for name, here, there in pairs
        if here is not None and there is not None and _plain(here) != _plain(there)
    )


def _plain(value: Any) -> Any:
    return value.lower().replace("_", "") if isinstance(value, str) else value
