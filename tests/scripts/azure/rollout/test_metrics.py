"""The real Azure Monitor client, against counted requests of the stand-in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from azure.core.pipeline.transport import (
    HttpRequest,
    RequestsTransport,
    RequestsTransportResponse,
)
from azure.mgmt.monitor import MonitorManagementClient

from scripts.azure.rollout.metrics import RequestMetrics, Requests
from scripts.azure.workspace import Workspace, connect_monitor, credential
from tests.cloud.cloud import Cloud
from tests.cloud.traffic import Scored

ENDPOINT = "/subscriptions/s/resourceGroups/g/providers/x/workspaces/w/onlineEndpoints/moderate"
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def metrics(cloud: Cloud) -> RequestMetrics:
    endpoint = f"{cloud.workspace.arm_id}/onlineEndpoints/moderate"
    cloud.state.store.put(endpoint, {"location": "here"}, {"provisioningState": "Succeeded"})
    return RequestMetrics(connect_monitor(cloud.workspace), endpoint)


def answer(cloud: Cloud, deployment: str, status: int, number: int, ago: timedelta) -> None:
    full = f"{cloud.workspace.arm_id}/onlineEndpoints/moderate/deployments/{deployment}".lower()
    for _ in range(number):
        cloud.state.traffic.count(Scored(datetime.now(UTC) - ago, full, status, 40.0))


def test_requests_of_one_deployment_by_status(cloud: Cloud, metrics: RequestMetrics) -> None:
    ten = timedelta(minutes=10)
    answer(cloud, "green", 200, 30, ten)
    answer(cloud, "green", 503, 4, ten)
    answer(cloud, "green", 429, 2, timedelta(minutes=20))
    answer(cloud, "green", 401, 5, ten)  # the callers' own fault
    answer(cloud, "blue", 500, 50, ten)
    answer(cloud, "green", 500, 7, timedelta(hours=2))  # before
    assert metrics.read("green", AN_HOUR_AGO) == Requests(41, 6, 40.0)


def test_nothing_from_before_the_step_comes_in(cloud: Cloud, metrics: RequestMetrics) -> None:
    answer(cloud, "green", 500, 9, timedelta(seconds=1))
    assert metrics.read("green", datetime.now(UTC)) == Requests(0, 0, None)


@pytest.mark.parametrize("status", [403, 404])
def test_what_may_not_be_read_is_none(cloud: Cloud, metrics: RequestMetrics, status: int) -> None:
    cloud.answer_next("GET", "metrics", status, "AuthorizationFailed", "no")
    assert metrics.read("green", AN_HOUR_AGO) is None


class Canned(RequestsTransport):  # type: ignore[misc]  # the SDK leaves it untyped
    """Answers as the documentation of Azure Monitor shows, with both status dimensions."""

    def send(self, request: HttpRequest, **kwargs: Any) -> Any:
        query = parse_qs(urlsplit(request.url).query)
        condition = query["$filter"][0]
        if "modelStatusCode" in condition:
            series = [("modelStatusCode", "400", 6), ("modelStatusCode", "500", 3)]
        else:
            series = [("statusCode", "200", 90), ("statusCode", "424", 10)]
        if query["metricnames"] != ["RequestsPerMinute"]:
            series = []
        body = {
            "timespan": query["timespan"][0],
            "value": [
                {
                    "id": "x", "type": "x", "unit": "Count",
                    "name": {"value": query["metricnames"][0]},
                    "timeseries": [
                        {
                            "metadatavalues": [{"name": {"value": d.lower()}, "value": v}],
                            "data": [{"timeStamp": "2026-01-01T00:00:00Z", "average": n}],
                        }
                        for d, v, n in series
                    ],
                }
            ],
        }  # fmt: skip
        return _response(request, body)


def _response(request: HttpRequest, body: dict[str, Any]) -> Any:
    answer = requests.Response()
    answer.status_code = 200
    answer.headers["Content-Type"] = "application/json"
    answer._content = json.dumps(body).encode()
    return RequestsTransportResponse(request, answer)


def test_images_that_callers_sent_broken_are_no_fault_of_the_deployment(cloud: Cloud) -> None:
    workspace = Workspace("s", "g", "w")
    monitor = MonitorManagementClient(credential(), workspace.subscription, transport=Canned())
    # 10 answers of 424: 6 of the container's 400, 3 of its 500, 1 without any.
    seen = RequestMetrics(monitor, ENDPOINT).read("green", AN_HOUR_AGO)
    assert seen == Requests(100, 4, None)
