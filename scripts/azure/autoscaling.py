"""Azure Monitor's rules that change the number of instances of an online deployment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from scripts.azure.workspace import Workspace

if TYPE_CHECKING:
    from azure.mgmt.monitor import MonitorManagementClient
    from azure.mgmt.monitor.models import AutoscaleSettingResource, ScaleRule

CPU = "CpuUtilizationPercentage"
GPU = "GpuUtilizationPercentage"


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a deployment should scale.

    Attributes:
        minimum: Fewest instances.
        maximum: Most instances.
        metric: Utilisation that decides.
        busy: Percentage above which, over five minutes, one instance is added.
    """

    minimum: int
    maximum: int
    metric: str
    busy: int

    @property
    def idle(self) -> int:
        """Percentage below which, over ten minutes, one instance is taken away.

        Less than half of `busy`: after going from two instances to one, that one must not be busy.
        """
        return max(1, self.busy // 2 - 5)

    def __str__(self) -> str:
        return (
            f"{self.minimum} to {self.maximum} instances; one more where {self.metric} is above "
            f"{self.busy} for 5 min, one less where it is below {self.idle} for 10 min"
        )


def metric_of(instance_type: str | None) -> str:
    """The utilisation that tells how busy a machine is: SKUs of the N series have GPUs."""
    return GPU if (instance_type or "").lower().startswith("standard_n") else CPU


def deployment_id(workspace: Workspace, endpoint: str, deployment: str) -> str:
    """ARM id of an online deployment."""
    return f"{workspace.arm_id}/onlineEndpoints/{endpoint}/deployments/{deployment}"


def setting_name(endpoint: str, deployment: str) -> str:
    """Name of the setting; always the same, so that a second run changes and does not add."""
    return f"autoscale-{endpoint}-{deployment}"


def find_settings(
    monitor: MonitorManagementClient, workspace: Workspace, target: str
) -> list[AutoscaleSettingResource]:
    """The settings of the resource group that scale a resource, whoever made them.

    Args:
        monitor: Azure Monitor's client.
        workspace: The workspace, whose resource group is searched.
        target: ARM id of the resource.
    """
    settings = monitor.autoscale_settings.list_by_resource_group(workspace.resource_group)
    return [s for s in settings if (s.target_resource_uri or "").lower() == target.lower()]


def make_setting(scaling: Scaling, target: str, location: str) -> AutoscaleSettingResource:
    """The setting as Azure Monitor wants it.

    Args:
        scaling: What it should do.
        target: ARM id of the deployment.
        location: Region of the deployment.
    """
    from azure.mgmt.monitor.models import (
        AutoscaleProfile,
        AutoscaleSettingResource,
        ScaleCapacity,
    )

    return AutoscaleSettingResource(
        location=location,
        target_resource_uri=target,
        enabled=True,
        profiles=[
            AutoscaleProfile(
                name="utilisation",
                capacity=ScaleCapacity(
                    minimum=str(scaling.minimum),
                    maximum=str(scaling.maximum),
                    default=str(scaling.minimum),
                ),
                rules=[
                    _rule(scaling.metric, target, "GreaterThan", scaling.busy, 5, "Increase"),
                    _rule(scaling.metric, target, "LessThan", scaling.idle, 10, "Decrease"),
                ],
            )
        ],
    )


def read_setting(setting: AutoscaleSettingResource) -> Scaling | None:
    """What a setting does; None if it is not of the form that `make_setting` gives."""
    try:
        [profile] = setting.profiles
        more, less = profile.rules or []
        scaling = Scaling(
            int(profile.capacity.minimum),
            int(profile.capacity.maximum),
            more.metric_trigger.metric_name,
            int(more.metric_trigger.threshold),
        )
        made = make_setting(scaling, setting.target_resource_uri or "", setting.location)
        wanted = [_facts(rule) for rule in made.profiles[0].rules or []]
        is_same = setting.enabled and [_facts(more), _facts(less)] == wanted
    except (ValueError, TypeError, AttributeError):
        return None
    return scaling if is_same else None


def remove_setting(monitor: MonitorManagementClient, workspace: Workspace, name: str) -> None:
    """Delete a setting; it may be gone already."""
    try:
        monitor.autoscale_settings.delete(workspace.resource_group, name)
    except ResourceNotFoundError:
        return


def _facts(rule: ScaleRule) -> tuple[object, ...]:
    # Azure returns more fields than were sent, so not the whole rules are compared.
    trigger, action = rule.metric_trigger, rule.scale_action
    return (
        trigger.metric_name,
        trigger.operator,
        trigger.threshold,
        trigger.time_window,
        action.direction,
        action.value,
        action.cooldown,
    )


def _rule(
    metric: str, target: str, operator: str, threshold: int, minutes: int, direction: str
) -> ScaleRule:
    from azure.mgmt.monitor.models import MetricTrigger, ScaleAction, ScaleRule

    return ScaleRule(
        metric_trigger=MetricTrigger(
            metric_name=metric,
            metric_resource_uri=target,
            time_grain=timedelta(minutes=1),
            statistic="Average",
            time_window=timedelta(minutes=minutes),
            time_aggregation="Average",
            operator=operator,
            threshold=threshold,
        ),
        scale_action=ScaleAction(
            direction=direction,
            type="ChangeCount",
            value="1",
            cooldown=timedelta(minutes=minutes),
        ),
    )
