"""What online endpoints and deployments may hold: names and ranges that the service checks.

The field names and types are those of the published description of the API (`OnlineEndpoint` and
`OnlineDeployment`, 2023-04-01-preview); the ranges are documented with the YAML schemas.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from tests.cloud.errors import invalid_fields

ENDPOINT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
DEPLOYMENT_NAME = ENDPOINT_NAME
MAX_TIMEOUT = {"Managed": timedelta(seconds=180), "Kubernetes": timedelta(seconds=300)}


class Part(BaseModel):
    """Fields in camel case, as sent."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", protected_namespaces=()
    )

    @field_validator("*", mode="before")
    @classmethod
    def _any_case(cls, value: Any, info: ValidationInfo) -> Any:
        """Azure does not mind the letter case of an enumeration's values."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        if get_origin(annotation) is Literal and isinstance(value, str):
            return {o.lower(): o for o in get_args(annotation)}.get(value.lower(), value)
        return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be above zero")
    return value


Duration = Annotated[timedelta, AfterValidator(_positive)]
Text = Annotated[str, StringConstraints(strict=True)]
Texts = dict[str, Text]
Percent = Annotated[int, Field(ge=0, le=100)]


class Probe(Part):
    """A liveness or readiness probe."""

    initial_delay: timedelta = timedelta(seconds=10)
    period: Duration = timedelta(seconds=10)
    timeout: Annotated[Duration, Field(lt=timedelta(seconds=300))] = timedelta(seconds=2)
    success_threshold: Annotated[int, Field(ge=1)] = 1
    failure_threshold: Annotated[int, Field(ge=1)] = 30


class RequestSettings(Part):
    """How many requests, and how long."""

    max_concurrent_requests_per_instance: Annotated[int, Field(ge=1)] = 1
    request_timeout: Duration = timedelta(seconds=5)
    max_queue_wait: timedelta = timedelta(milliseconds=500)


class ScaleSettings(Part):
    """Fixed size, or (Kubernetes) by utilisation."""

    scale_type: Literal["Default", "TargetUtilization"] = "Default"
    min_instances: Annotated[int, Field(ge=0)] | None = None
    max_instances: Annotated[int, Field(ge=1)] | None = None
    polling_interval: Duration | None = None
    target_utilization_percentage: Annotated[int, Field(ge=1, le=100)] | None = None


class CodeConfiguration(Part):
    """The uploaded code and the script in it."""

    code_id: Text
    scoring_script: Annotated[str, StringConstraints(min_length=1, pattern=r"\.py$")]


class Collection(Part):
    """One data collection of a deployment."""

    data_collection_mode: Literal["Enabled", "Disabled"]
    data_id: Text
    sampling_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    client_id: Text | None = None


class DataCollector(Part):
    """What a deployment keeps of its traffic."""

    collections: dict[str, Collection]
    rolling_rate: Literal["Year", "Month", "Day", "Hour", "Minute"] = "Hour"
    sampling_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    request_logging: dict[str, Any] | None = None


class Deployment(Part):
    """Properties of an online deployment."""

    endpoint_compute_type: Literal["Managed", "Kubernetes"]
    description: Text | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    model: Text | None = None
    model_mount_path: Text | None = None
    code_configuration: CodeConfiguration | None = None
    environment_id: Text | None = None
    environment_variables: Texts = Field(default_factory=dict)
    instance_type: Text | None = None
    app_insights_enabled: bool = False
    scale_settings: ScaleSettings = ScaleSettings()
    request_settings: RequestSettings = RequestSettings()
    liveness_probe: Probe = Probe()
    readiness_probe: Probe = Probe()
    startup_probe: Probe | None = None
    egress_public_network_access: Literal["Enabled", "Disabled"] = "Enabled"
    private_network_connection: bool | None = None
    data_collector: DataCollector | None = None
    container_resource_requirements: dict[str, Any] | None = None
    provisioning_state: Text | None = None


class Endpoint(Part):
    """Properties of an online endpoint."""

    auth_mode: Literal["Key", "AMLToken", "AADToken"]
    description: Text | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    compute: Text | None = None
    traffic: dict[str, Percent] = Field(default_factory=dict)
    mirror_traffic: dict[str, Annotated[int, Field(ge=0, le=50)]] = Field(default_factory=dict)
    public_network_access: Literal["Enabled", "Disabled"] = "Enabled"
    provisioning_state: Text | None = None
    scoring_uri: Text | None = None
    swagger_uri: Text | None = None
    keys: None = None

    @property
    def kind(self) -> str:
        """Where its deployments run."""
        return "Kubernetes" if self.compute else "Managed"


P = TypeVar("P", bound=Part)


def parse(part: type[P], sent: Any) -> P:
    """Check properties that were sent.

    Raises:
        ArmError: 400, naming every field that is wrong.
    """
    properties = {k: v for k, v in (sent or {}).items() if v is not None}
    try:
        return part.model_validate(properties)
    except ValidationError as error:
        wrong: dict[str, list[str]] = {}
        for one in error.errors():
            wrong.setdefault(".".join(map(str, one["loc"])), []).append(one["msg"])
        raise invalid_fields(wrong) from None


def shown(part: Part) -> dict[str, Any]:
    """The properties as the service shows them: what was sent, and defaults for the rest."""
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
