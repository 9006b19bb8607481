"""What there is to delete, in the order in which it must go, and what it costs to leave."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from scripts.azure.autoscaling import deployment_id, find_settings, remove_setting
from scripts.azure.conflicts import WAITS, wait_out
from scripts.azure.deployment.traffic import as_text, live, set_traffic, shift
from scripts.azure.waiting import UNDER_WAY, perform, state_of, wait_for
from scripts.azure.workspace import Workspace
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.mgmt.monitor import MonitorManagementClient

GONE = "gone"
HOURS_PER_MONTH = 730
PRICES = "https://azure.microsoft.com/pricing/details/virtual-machines/linux/"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to remove.

    Attributes:
        what: As a person calls it.
        remove: Removes it; does nothing if it is gone already.
        instances: Machines that run for it all the time.
        sku: Their size.
    """

    what: str
    remove: Callable[[], object]
    instances: int = 0
    sku: str = ""


class Inventory:
    """Finds what belongs to an endpoint, and other things by name.

    Args:
        client: The workspace's client.
        monitor: Azure Monitor's client.
        workspace: The workspace.
    """

    def __init__(
        self, client: MLClient, monitor: MonitorManagementClient, workspace: Workspace
    ) -> None:
        self._client = client
        self._monitor = monitor
        self._workspace = workspace

    def online(self, name: str, deployments: Sequence[str]) -> list[Item]:
        """An online endpoint, or some of its deployments only.

        Args:
            name: The endpoint.
            deployments: The deployments; none: all of them and the endpoint.

        Raises:
            OperatorError: A deployment that is to go has all of the traffic.
        """
        client = self._client
        try:
            endpoint: Any = client.online_endpoints.get(name)
        except ResourceNotFoundError:
            return []
        present = {d.name: d for d in client.online_deployments.list(name)}
        _say_what_is_absent(name, deployments, present)
        chosen = [d for n, d in present.items() if n in deployments or not deployments]
        traffic = live(endpoint)
        after = _without(traffic, [d.name for d in chosen], name) if deployments else {}

        items = [item for d in chosen for item in self._autoscale(name, d.name)]
        if after != traffic or endpoint.mirror_traffic:
            items.append(
                Item(
                    f"traffic: {as_text(traffic)} -> {as_text(after)}",
                    lambda: set_traffic(client, name, after),
                )
            )
        items += [
            Item(
                f"online deployment {name}/{d.name}",
                self._remover(f"{name}/{d.name}", client.online_deployments, d.name, name),
                d.instance_count or 0,
                getattr(d, "instance_type", None) or "Kubernetes",
            )
            for d in chosen
        ]
        if not deployments:
            items.append(
                Item(
                    f"online endpoint {name}",
                    self._remover(f"endpoint {name}", client.online_endpoints, name),
                )
            )
        return items

    def batch(self, name: str, deployments: Sequence[str]) -> list[Item]:
        """A batch endpoint, or some of its deployments only. Neither runs machines by itself."""
        client = self._client
        try:
            client.batch_endpoints.get(name)
        except ResourceNotFoundError:
            return []
        present = [d.name for d in client.batch_deployments.list(name)]
        _say_what_is_absent(name, deployments, present)
        if not deployments:
            # They go with it; alone, the default deployment would be refused.
            below = f" with {', '.join(present)}" if present else ""
            remove = self._remover(f"endpoint {name}", client.batch_endpoints, name)
            return [Item(f"batch endpoint {name}{below}", remove)]
        return [
            Item(
                f"batch deployment {name}/{d}",
                self._remover(f"{name}/{d}", client.batch_deployments, d, name),
            )
            for d in present
            if d in deployments
        ]

    def compute(self, name: str) -> list[Item]:
        """A compute cluster; its smallest number of nodes runs all the time."""
        computes = self._client.compute
        try:
            found: Any = computes.get(name)
        except ResourceNotFoundError:
            return []
        return [
            Item(
                f"compute cluster {name}",
                self._remover(f"compute {name}", computes, name),
                getattr(found, "min_instances", None) or 0,
                getattr(found, "size", None) or "",
            )
        ]

    def archive(self, kind: str, assets: Any, reference: str) -> list[Item]:
        """A version of a model or environment. Azure ML keeps it, but shows it no more.

        Args:
            kind: `model` or `environment`.
            assets: The SDK's operations on them.
            reference: `NAME:VERSION`.

        Raises:
            OperatorError: The reference is not of that form.
        """
        name, colon, version = reference.removeprefix("azureml:").rpartition(":")
        if not colon:
            raise OperatorError(f"{reference} is not NAME:VERSION.", f"Name the {kind}'s version.")
        try:
            assets.get(name, version)
        except ResourceNotFoundError:
            return []
        return [
            Item(
                f"{kind} {name}:{version} (is archived: hidden, not erased)",
                lambda: assets.archive(name, version),
            )
        ]

    def _autoscale(self, endpoint: str, deployment: str) -> list[Item]:
        target = deployment_id(self._workspace, endpoint, deployment)
        return [
            Item(
                f"autoscale setting {setting.name}",
                partial(remove_setting, self._monitor, self._workspace, str(setting.name)),
            )
            for setting in find_settings(self._monitor, self._workspace, target)
        ]

    def _remover(self, what: str, operations: Any, *names: str) -> Callable[[], object]:
        def state() -> str:
            try:
                found = operations.get(*names)
            except ResourceNotFoundError:
                return GONE
            return state_of(found)

        def remove() -> None:
            waits = iter(WAITS)
            while True:
                if state() in UNDER_WAY:
                    wait_for(what, state)  # another run began it
                if state() == GONE:
                    return
                try:
                    perform(what, lambda: operations.begin_delete(*names), state)
                except ResourceNotFoundError:
                    return
                except HttpResponseError as error:
                    wait_out(error, waits)
                else:
                    return

        return remove


def cost(items: Sequence[Item], hourly_price: float | None) -> str:
    """What it costs to leave things as they are.

    Args:
        items: The things.
        hourly_price: Price of one machine for one hour; None if it is not known.
    """
    lines = [
        f"  {item.what}: {item.instances} x {item.sku}, "
        f"{item.instances * HOURS_PER_MONTH} instance hours a month"
        for item in items
        if item.instances and item.sku != "Kubernetes"
    ]
    if not lines:
        return "None of it runs machines by itself."
    hours = sum(i.instances for i in items if i.sku != "Kubernetes") * HOURS_PER_MONTH
    money = (
        f"  {hours} h x {hourly_price:g} = {hours * hourly_price:.2f} a month"
        if hourly_price is not None
        else f"  Price of an hour: {PRICES} (then --hourly-price gives the sum)"
    )
    return "\n".join(["Left as it is, it runs:", *lines, money])


def _say_what_is_absent(endpoint: str, wanted: Iterable[str], present: Container[str]) -> None:
    for name in wanted:
        if name not in present:
            print(f"`{endpoint}` has no deployment `{name}` (any more).")


def _without(traffic: dict[str, int], gone: Sequence[str], endpoint: str) -> dict[str, int]:
    remaining = dict(traffic)
    for name in gone:
        if not remaining.get(name):
            continue
        if set(remaining) <= set(gone):
            raise OperatorError(
                f"The traffic of `{endpoint}` is {as_text(traffic)}: nobody would be left to "
                "answer.",
                "Move it first (python -m scripts.rollout), or delete the whole endpoint by naming "
                "no deployment.",
            )
        remaining = shift(remaining, name, 0)
    return remaining
