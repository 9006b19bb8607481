"""What a request for a batch job may hold: the input, and what takes the deployment's place."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tests.cloud.schemas import Duration, Part, Text


class Sent(Part):
    """Fields whose first letter may be a capital, as the documentation writes them."""

    @model_validator(mode="before")
    @classmethod
    def _camel_case(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {key[:1].lower() + key[1:]: value for key, value in fields.items()}


class JobInput(Sent):
    """A folder or file."""

    job_input_type: Literal["UriFolder", "UriFile"]
    uri: Text


class JobOutput(Sent):
    """Where results go."""

    job_output_type: Literal["UriFolder", "UriFile"]
    uri: Text


class OutputDataset(Part):
    """Where results go, in an older way that the SDK's `params_override` sends."""

    datastore_id: Text
    path: Text


class Compute(Part):
    """Nodes of this job."""

    is_local: bool = False
    target: Text | None = None
    instance_count: Annotated[int, Field(ge=1)] | None = None
    instance_type: Text | None = None
    location: Text | None = None
    properties: dict[str, Any] | None = None


class Retries(Part):
    """What becomes of a mini-batch that fails."""

    max_retries: Annotated[int, Field(ge=0)] = 3
    timeout: Duration = timedelta(seconds=30)


class JobRequest(Sent):
    """Properties of a batch job (2020-09-01-dataplanepreview)."""

    input_data: Annotated[dict[str, JobInput], Field(min_length=1, max_length=1)]
    output_data: dict[str, JobOutput] = Field(default_factory=dict)
    output_dataset: OutputDataset | None = None
    output_file_name: Text | None = None
    compute: Compute = Compute()
    mini_batch_size: Annotated[int, Field(ge=1)] | None = None
    error_threshold: Annotated[int, Field(ge=-1)] | None = None
    retry_settings: Retries | None = None
    name: Text | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    dataset: Text | None = None

    @property
    def output_uri(self) -> str | None:
        """The output's own address; None: the service chooses one."""
        for output in self.output_data.values():
            return output.uri.rstrip("/")
        if self.output_dataset is not None:
            return f"azureml:/{self.output_dataset.datastore_id}/paths/{self._path}"
        return None

    @property
    def _path(self) -> str:
        assert self.output_dataset is not None
        return self.output_dataset.path.strip("/")
