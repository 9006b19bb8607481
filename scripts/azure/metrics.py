"""What Azure Monitor has seen of a deployment's requests. It is a few minutes behind.

Names of metrics and dimensions: those of the resource type
Microsoft.MachineLearningServices/workspaces/onlineEndpoints in Azure Monitor's reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError

from scripts.azure.workspace import Workspace, credential

if TYPE_CHECKING:
    from azure.mgmt.monitor import MonitorManagementClient

MOST_SERIES = 200
OVERLOAD_OR_TIMEOUT = {408, 429}


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of a deployment in a span of time.

    Attributes:
        total: How many.
        failed: Those that the deployment is to blame for: 5xx, 408, 429, or an answer of the
            container of that kind (which callers see as 424). What callers did wrong is not.
        p95_ms: Mean of each minute's 95th percentile of latency; None without requests.
    """

    total: float
    failed: float
    p95_ms: float | None


def connect_monitor(workspace: Workspace) -> MonitorManagementClient:
    """Open Azure Monitor's client for the workspace's subscription."""
    from azure.mgmt.monitor import MonitorManagementClient

    return MonitorManagementClient(credential(), workspace.subscription)


class RequestMetrics:
    """Reads the requests of one online endpoint, by deployment.

    Args:
        monitor: Azure Monitor's client.
        endpoint_id: ARM id of the endpoint.
    """

    def __init__(self, monitor: MonitorManagementClient, endpoint_id: str) -> None:
        self._monitor = monitor
        self._endpoint_id = endpoint_id

    def read(self, deployment: str, since: datetime) -> Requests | None:
        """Read what has been seen since a time.

        Args:
            deployment: Which deployment answered.
            since: From when on; Azure Monitor counts whole minutes.

        Returns:
            The requests; None where metrics may not be read or the endpoint has none.
        """
        by_status = f"deployment eq '{deployment}' and statusCode eq '*' and modelStatusCode eq '*'"
        try:
            counts = self._query("RequestsPerMinute", by_status, since)
            latencies = self._query("RequestLatency_P95", f"deployment eq '{deployment}'", since)
        except HttpResponseError as error:
            if error.status_code in (400, 403, 404):
                return None
            raise
        total = failed = 0.0
        for series in counts:
            labels = {v.name.value.lower(): v.value for v in series.metadatavalues or []}
            number = sum(_averages(series))
            total += number
            if _is_failure(labels.get("statuscode"), labels.get("modelstatuscode")):
                failed += number
        # Minutes that are not in yet come as zeros.
        minutes = [value for series in latencies for value in _averages(series) if value > 0]
        return Requests(total, failed, sum(minutes) / len(minutes) if minutes else None)

    def _query(self, metric: str, condition: str, since: datetime) -> list[Any]:
        now = datetime.now(UTC)
        answer = self._monitor.metrics.list(
            self._endpoint_id,
            timespan=f"{since:%Y-%m-%dT%H:%M:00Z}/{now:%Y-%m-%dT%H:%M:%SZ}",
            interval="PT1M",
            metricnames=metric,
            aggregation="Average",  # the only one that these metrics have
            filter=condition,
            top=MOST_SERIES,
        )
        return [series for value in answer.value for series in value.timeseries or []]


def _averages(series: Any) -> Iterable[float]:
    return [point.average for point in series.data or [] if point.average is not None]


def _is_failure(status: str | None, model_status: str | None) -> bool:
    seen = _number(status)
    if seen == 424:  # whatever the container answered, other than 200
        told = _number(model_status)
        return told is None or told >= 500 or told in OVERLOAD_OR_TIMEOUT
    return seen is not None and (seen >= 500 or seen in OVERLOAD_OR_TIMEOUT)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and int(text) >= 100 else None
