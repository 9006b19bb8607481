"""What Azure Monitor has seen of a deployment's requests. It is a few minutes behind.

Names of metrics and dimensions: those of the resource type
Microsoft.MachineLearningServices/workspaces/onlineEndpoints in Azure Monitor's reference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError

if TYPE_CHECKING:
    from azure.mgmt.monitor import MonitorManagementClient

MOST_SERIES = 200
OVERLOAD_OR_TIMEOUT = {408, 429}
MODEL_ERROR = 424
"""What callers get where the container answered anything but 200."""


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
            since: From when on. Azure Monitor counts whole minutes, so it is the next one that
                begins: nothing from before comes in.

        Returns:
            The requests; None where metrics may not be read or the endpoint has none.
        """
        since = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
        if since >= datetime.now(UTC):
            return Requests(0, 0, None)
        try:
            counts = self._by("statusCode", f"deployment eq '{deployment}'", since)
            latencies = self._query("RequestLatency_P95", f"deployment eq '{deployment}'", since)
        except HttpResponseError as error:
            if error.status_code in (400, 403, 404):
                return None
            raise
        failed = sum(number for status, number in counts.items() if _is_failure(status))
        if counts.get(MODEL_ERROR):
            failed += self._model_failures(deployment, since, counts[MODEL_ERROR])
        # Minutes that are not in yet come as zeros.
        minutes = [value for series in latencies for value in _averages(series) if value > 0]
        p95 = sum(minutes) / len(minutes) if minutes else None
        return Requests(sum(counts.values()), failed, p95)

    def _model_failures(self, deployment: str, since: datetime, number: float) -> float:
        """How many of the 424s are the deployment's fault, by what the container answered."""
        condition = f"deployment eq '{deployment}' and statusCode eq '{MODEL_ERROR}'"
        try:
            counts = self._by("modelStatusCode", condition, since)
        except HttpResponseError:
            return number  # it cannot be told, so all count
        told = {status: n for status, n in counts.items() if status}
        blameless = sum(n for status, n in told.items() if not _is_failure(status))
        return max(0.0, number - blameless)

    def _by(self, dimension: str, condition: str, since: datetime) -> dict[int | None, float]:
        """Number of requests by a status; None stands for those without one."""
        counts: dict[int | None, float] = {}
        condition = f"{condition} and {dimension} eq '*'"
        for series in self._query("RequestsPerMinute", condition, since):
            labels = {v.name.value.lower(): v.value for v in series.metadatavalues or []}
            status = _number(labels.get(dimension.lower()))
            counts[status] = counts.get(status, 0.0) + sum(_averages(series))
        return counts

    def _query(self, metric: str, condition: str, since: datetime) -> list[Any]:
        now = datetime.now(UTC)
        answer = self._monitor.metrics.list(
            self._endpoint_id,
            timespan=f"{since:%Y-%m-%dT%H:%M:%SZ}/{now:%Y-%m-%dT%H:%M:%SZ}",
            interval="PT1M",
            metricnames=metric,
            aggregation="Average",  # the only one that these metrics have
            filter=condition,
            top=MOST_SERIES,
        )
        return [series for value in answer.value for series in value.timeseries or []]


def _averages(series: Any) -> Iterable[float]:
    return [point.average for point in series.data or [] if point.average is not None]


def _is_failure(status: int | None) -> bool:
    return status is not None and (status >= 500 or status in OVERLOAD_OR_TIMEOUT)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() and int(text) >= 100 else None
