"""Metrics of online endpoints and deployments, computed from what the scoring hosts answered.

Names, units and dimensions are those of Azure Monitor's reference of supported metrics.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.cloud.errors import ArmError
from tests.cloud.traffic import Scored

LATENCIES = ("RequestLatency", *(f"RequestLatency_P{p}" for p in (50, 90, 95, 99)))
ENDPOINT_DIMENSIONS: dict[str, Callable[[Scored], str]] = {
    "deployment": lambda scored: scored.deployment.rpartition("/")[2],
    "statusCode": lambda scored: str(scored.status),
    "statusCodeClass": lambda scored: f"{scored.status // 100}xx",
}
DEPLOYMENT_DIMENSIONS: dict[str, Callable[[Scored], str]] = {
    "envoy_response_code": lambda scored: str(scored.status),
}
CONDITION = re.compile(r"(\w+) (eq|ne) '([^']*)'")


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a filter: `deployment eq 'blue'`; the value `*` splits by the dimension."""

    dimension: str
    equal: bool
    value: str


def parse_filter(text: str) -> list[Condition]:
    """The conditions of a filter; only `and` joins them here.

    Raises:
        ArmError: 400, for any other form.
    """
    conditions = []
    for part in filter(None, (p.strip() for p in text.split(" and "))):
        match = CONDITION.fullmatch(part)
        if match is None:
            raise ArmError(400, "BadRequest", f"The filter '{part}' is not understood.")
        conditions.append(Condition(match[1], match[2] == "eq", match[3]))
    return conditions


def metric(
    name: str,
    answered: Sequence[Scored],
    conditions: Sequence[Condition],
    start: datetime,
    end: datetime,
    *,
    of_deployment: bool,
) -> dict[str, Any]:
    """One metric, as Azure Monitor shows it: a series for each value of the split dimension.

    Args:
        name: In the API.
        answered: The requests of the endpoint or deployment.
        conditions: Which of them, and by what to split.
        start: Of the time span.
        end: Of the time span.
        of_deployment: A deployment's metric, not an endpoint's.

    Raises:
        ArmError: 400, for a metric or dimension that there is not.
    """
    if name not in LATENCIES[of_deployment:] and name != "RequestsPerMinute":
        raise ArmError(400, "BadRequest", f"Failed to find metric configuration for '{name}'.")
    dimensions = DEPLOYMENT_DIMENSIONS if of_deployment else ENDPOINT_DIMENSIONS
    chosen = [s for s in answered if start <= s.when < end and not s.mirrored]
    split: str | None = None
    for condition in conditions:
        if condition.dimension not in dimensions:
            raise ArmError(400, "BadRequest", f"'{name}' has no dimension '{condition.dimension}'.")
        value = dimensions[condition.dimension]
        if condition.value == "*":
            split = condition.dimension
        else:
            chosen = [s for s in chosen if (value(s) == condition.value.lower()) == condition.equal]
    groups = {"": chosen}
    if split:
        values = {dimensions[split](s) for s in chosen}
        groups = {v: [s for s in chosen if dimensions[split](s) == v] for v in sorted(values)}
    return {
        "name": {"value": name, "localizedValue": name},
        "type": "Microsoft.Insights/metrics",
        "unit": "Count" if name == "RequestsPerMinute" else "MilliSeconds",
        "timeseries": [_series(name, split, v, group, start, end) for v, group in groups.items()],
    }


def _series(
    name: str, split: str | None, value: str, group: list[Scored], start: datetime, end: datetime
) -> dict[str, Any]:
    data = []
    minute = start
    while minute < end:
        following = minute + timedelta(minutes=1)
        point: dict[str, Any] = {"timeStamp": minute.isoformat().replace("+00:00", "Z")}
        inside = [s.milliseconds for s in group if minute <= s.when < following]
        if name == "RequestsPerMinute":
            point |= {"average": float(len(inside)), "total": float(len(inside))}
        elif inside:
            point |= {"average": _latency(name, inside)}
        data.append(point)
        minute = following
    named = {"value": split, "localizedValue": split}
    return {"metadatavalues": [{"name": named, "value": value}] if split else [], "data": data}


def _latency(name: str, milliseconds: list[float]) -> float:
    percentile = name.partition("_P")[2]
    if not percentile:
        return statistics.fmean(milliseconds)
    ordered = sorted(milliseconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * int(percentile) / 100))]
