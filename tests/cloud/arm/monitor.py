"""Azure Monitor (Microsoft.Insights): metrics of online endpoints, and autoscale settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, jsonify, request
from pydantic import Field, TypeAdapter, model_validator

from tests.cloud.arm import metrics
from tests.cloud.arm.online_endpoints import COLLECTION
from tests.cloud.arm.paths import GROUP
from tests.cloud.errors import ArmError
from tests.cloud.schemas import Part, parse
from tests.cloud.state import current

SETTINGS = f"{GROUP}/providers/Microsoft.Insights/autoscalesettings"
blueprint = Blueprint("monitor", __name__)


class Capacity(Part):
    """Bounds of a profile, which the API has as texts."""

    minimum: Annotated[str, Field(pattern=r"^\d+$")]
    maximum: Annotated[str, Field(pattern=r"^\d+$")]
    default: Annotated[str, Field(pattern=r"^\d+$")]

    @model_validator(mode="after")
    def _in_order(self) -> Capacity:
        if not 1 <= int(self.minimum) <= int(self.default) <= int(self.maximum):
            raise ValueError("needs 1 <= minimum <= default <= maximum")
        return self


class Trigger(Part):
    """When a rule acts."""

    metric_name: str
    metric_namespace: str | None = None
    metric_resource_uri: str
    metric_resource_location: str | None = None
    time_grain: Annotated[timedelta, Field(ge=timedelta(minutes=1))]
    statistic: Literal["Average", "Min", "Max", "Sum", "Count"]
    time_window: Annotated[timedelta, Field(ge=timedelta(minutes=5), le=timedelta(hours=12))]
    time_aggregation: Literal["Average", "Minimum", "Maximum", "Total", "Count", "Last"]
    operator: Literal[
        "Equals", "NotEquals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"
    ]
    threshold: float
    dimensions: list[dict[str, Any]] | None = None
    divide_per_instance: bool = False


class Action(Part):
    """What a rule does."""

    direction: Literal["None", "Increase", "Decrease"]
    type: Literal["ChangeCount", "PercentChangeCount", "ExactCount", "ServiceAllowedNextValue"]
    value: Annotated[str, Field(pattern=r"^\d+$")] = "1"
    cooldown: Annotated[timedelta, Field(ge=timedelta(minutes=1), le=timedelta(weeks=1))]


class Rule(Part):
    """One rule of a profile."""

    metric_trigger: Trigger
    scale_action: Action


class Profile(Part):
    """Bounds and rules that hold at a time."""

    name: str
    capacity: Capacity
    rules: Annotated[list[Rule], Field(max_length=10)]
    fixed_date: dict[str, Any] | None = None
    recurrence: dict[str, Any] | None = None


class Autoscale(Part):
    """Properties of an autoscale setting."""

    profiles: Annotated[list[Profile], Field(min_length=1, max_length=20)]
    target_resource_uri: str
    target_resource_location: str | None = None
    enabled: bool = False
    name: str | None = None
    notifications: list[dict[str, Any]] | None = None
    predictive_autoscale_policy: dict[str, Any] | None = None


@blueprint.get(SETTINGS)
def list_settings() -> dict[str, Any]:
    return {"value": [r.body() for r in current().store.children(SETTINGS)]}


@blueprint.get(f"{SETTINGS}/<name>")
def get_setting(name: str) -> dict[str, Any]:
    return current().store.get(f"{SETTINGS}/{name}").body()


@blueprint.put(f"{SETTINGS}/<name>")
def put_setting(name: str) -> Response:
    state, sent = current(), request.get_json()
    if not sent.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required.")
    wanted = parse(Autoscale, sent.get("properties"))
    target = state.store.find(wanted.target_resource_uri)
    if target is None or "/onlineendpoints/" not in target.id.lower():
        raise ArmError(400, "ResourceNotFound", "The targetResourceUri does not exist.")
    other = [
        s
        for s in state.store.children(SETTINGS)
        if s.properties["targetResourceUri"].lower() == target.id.lower() and s.name != name
    ]
    if other:
        raise ArmError(409, "Conflict", f"The resource has the setting '{other[0].name}' already.")
    old = state.store.find(f"{SETTINGS}/{name}")
    resource = state.store.put(f"{SETTINGS}/{name}", sent, sent["properties"])
    answer = jsonify(resource.body())
    answer.status_code = 200 if old else 201
    return answer


@blueprint.delete(f"{SETTINGS}/<name>")
def delete_setting(name: str) -> Response:
    store = current().store
    existed = store.find(f"{SETTINGS}/{name}") is not None
    store.remove(f"{SETTINGS}/{name}")
    return Response(status=200 if existed else 204)


@blueprint.get(f"{COLLECTION}/<path:resource>/providers/Microsoft.Insights/metrics")
def list_metrics(resource: str) -> dict[str, Any]:
    state = current()
    owner = state.store.get(f"{COLLECTION}/{resource}")
    of_deployment = "/deployments/" in resource
    prefix = owner.id.lower()
    answered = [
        s
        for s in state.traffic.answered
        if s.deployment == prefix or s.deployment.startswith(prefix + "/")
    ]
    start, end = _timespan(request.args.get("timespan"))
    conditions = metrics.parse_filter(request.args.get("$filter", ""))
    names = request.args.get("metricnames", "RequestsPerMinute").split(",")
    return {
        "timespan": f"{start.isoformat()}/{end.isoformat()}",
        "interval": "PT1M",
        "namespace": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints",
        "resourceregion": owner.fields.get("location"),
        "cost": 0,
        "value": [
            metrics.metric(n, answered, conditions, start, end, of_deployment=of_deployment)
            for n in names
        ],
    }


def _timespan(text: str | None) -> tuple[datetime, datetime]:
    """Start and end; by default the last hour, this minute included."""
    if not text:
        end = datetime.now(UTC) + timedelta(seconds=1)
        return end - timedelta(hours=1), end
    try:
        start, end = (TypeAdapter(datetime).validate_python(p) for p in text.split("/"))
    except ValueError:
        raise ArmError(400, "BadRequest", f"Invalid time span: {text}.") from None
    return start, end
