"""Azure Monitor and role assignments, driven by the clients of Azure's own packages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.monitor import MonitorManagementClient

from tests.cloud import tokens
from tests.cloud.arm.authorization import assignment
from tests.cloud.cloud import Cloud
from tests.cloud.traffic import Scored


@pytest.fixture
def monitor(cloud: Cloud) -> MonitorManagementClient:
    return MonitorManagementClient(DefaultAzureCredential(), cloud.workspace.subscription)


def setting(target: str, minimum: int = 1, maximum: int = 3) -> Any:
    rule = {
        "metricTrigger": {
            "metricName": "CpuUtilizationPercentage",
            "metricResourceUri": target,
            "timeGrain": "PT1M",
            "statistic": "Average",
            "timeWindow": "PT5M",
            "timeAggregation": "Average",
            "operator": "GreaterThan",
            "threshold": 70,
        },
        "scaleAction": {
            "direction": "Increase",
            "type": "ChangeCount",
            "value": "1",
            "cooldown": "PT5M",
        },
    }
    capacity = {"minimum": str(minimum), "maximum": str(maximum), "default": str(minimum)}
    return {
        "location": "westeurope",
        "properties": {
            "enabled": True,
            "targetResourceUri": target,
            "profiles": [{"name": "cpu", "capacity": capacity, "rules": [rule]}],
        },
    }


def test_autoscale_settings(
    cloud: Cloud, endpoint: MLClient, monitor: MonitorManagementClient
) -> None:
    group = cloud.workspace.resource_group
    target = f"{cloud.workspace.arm_id}/onlineEndpoints/moderate"
    settings = monitor.autoscale_settings
    made = settings.create_or_update(group, "cpu", setting(target))
    assert made.profiles[0].rules[0].metric_trigger.time_window == timedelta(minutes=5)
    assert [s.name for s in settings.list_by_resource_group(group)] == ["cpu"]
    with pytest.raises(HttpResponseError, match="has the setting 'cpu' already"):
        settings.create_or_update(group, "second", setting(target))
    with pytest.raises(HttpResponseError, match="minimum <= default <= maximum"):
        settings.create_or_update(group, "cpu", setting(target, minimum=4))
    with pytest.raises(HttpResponseError, match="does not exist"):
        settings.create_or_update(group, "other", setting(target + "x"))
    settings.delete(group, "cpu")
    with pytest.raises(ResourceNotFoundError):
        settings.get(group, "cpu")


def test_metrics_are_those_of_the_traffic(
    cloud: Cloud, endpoint: MLClient, monitor: MonitorManagementClient
) -> None:
    target = f"{cloud.workspace.arm_id}/onlineEndpoints/moderate"
    now = datetime.now(UTC)
    for deployment, status, milliseconds in (
        ("blue", 200, 100.0),
        ("blue", 424, 300.0),
        ("green", 200, 50.0),
    ):
        name = f"{target}/deployments/{deployment}".lower()
        cloud.state.traffic.count(Scored(now, name, status, milliseconds))

    def ask(metric: str, condition: str = "") -> dict[str, float]:
        answer = monitor.metrics.list(
            target,
            timespan=f"{now - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}/"
            f"{now + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}",
            interval="PT1M",
            metricnames=metric,
            aggregation="Average",
            filter=condition or None,
        )
        (found,) = answer.value
        return {
            str(s.metadatavalues[0].value) if s.metadatavalues else "": sum(
                point.average or 0.0 for point in s.data or []
            )
            for s in found.timeseries
        }

    assert ask("RequestsPerMinute") == {"": 3}
    assert ask("RequestsPerMinute", "deployment eq '*'") == {"blue": 2, "green": 1}
    assert ask("RequestsPerMinute", "deployment eq 'blue' and statusCodeClass ne '2xx'") == {"": 1}
    assert ask("RequestLatency_P95", "deployment eq 'blue'") == {"": 300}
    with pytest.raises(HttpResponseError, match="no dimension 'colour'"):
        ask("RequestLatency", "colour eq 'blue'")
    with pytest.raises(HttpResponseError, match="metric configuration"):
        ask("Happiness")


def test_role_assignments(cloud: Cloud) -> None:
    roles = AuthorizationManagementClient(DefaultAzureCredential(), cloud.workspace.subscription)
    cloud.state.role_assignments += [
        assignment("AzureML Data Scientist", tokens.PRINCIPAL),
        assignment("Reader", "somebody else"),
    ]
    found = roles.role_assignments.list_for_scope(
        cloud.workspace.arm_id, filter=f"principalId eq '{tokens.PRINCIPAL}'"
    )
    (mine,) = found
    definition = roles.role_definitions.get_by_id(mine.role_definition_id)
    assert definition.role_name == "AzureML Data Scientist"
