"""The YAML file of an endpoint, a deployment or a cluster, as the checks look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from scripts.azure.findings import Finding

Kind: TypeAlias = Literal["managed", "kubernetes", "batch"]
Subject: TypeAlias = Literal["deployment", "endpoint", "cluster"]
Check: TypeAlias = Callable[["Document"], Iterator[Finding]]


class UnreadableError(Exception):
    """The file is not one that can be checked; the message says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file of an endpoint, a deployment or a cluster.

    Attributes:
        path: The file.
        kind: What sort of endpoint or deployment it is.
        content: All fields, as YAML gives them.
    """

    path: Path
    kind: Kind
    content: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path, replaced: Mapping[str, str] | None = None) -> Document:
        """Read a file.

        Args:
            path: The file.
            replaced: Fields that take the place of the file's own.

        Raises:
            UnreadableError: It cannot be read, or is no YAML with fields.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UnreadableError(" ".join(str(error).split())) from None
        if not isinstance(content, dict):
            raise UnreadableError("it holds no fields")
        content = {**content, **(replaced or {})}
        return cls(path, _kind(content), content)

    def get(self, dotted: str, default: Any = None) -> Any:
        """The value of a field such as ``request_settings.request_timeout_ms``."""
        value: Any = self.content
        for name in dotted.split("."):
            if not isinstance(value, dict) or name not in value:
                return default
            value = value[name]
        return value

    def number(self, dotted: str, default: int) -> int:
        """The same for a whole number; the default also where it is none."""
        value = self.get(dotted, default)
        return value if isinstance(value, int) else default

    @property
    def schema(self) -> str:
        """What its `$schema` is of, such as `environment`; empty where there is none."""
        schema = self.content.get("$schema")
        if not isinstance(schema, str):
            return ""
        return schema.rsplit("/", 1)[-1].removesuffix(".json").removesuffix(".schema")

    @property
    def subject(self) -> Subject | None:
        """What it describes, by its `$schema` or else its fields; None for what is not checked."""
        schema = self.schema.lower()
        if schema.endswith("deployment") or (not schema and "endpoint_name" in self.content):
            return "deployment"
        if schema == "amlcompute" or (not schema and self.content.get("type") == "amlcompute"):
            return "cluster"
        return "endpoint" if schema.endswith("endpoint") or not schema else None

    @property
    def variables(self) -> dict[str, Any]:
        """The environment variables that reach the process."""
        found = self.get(f"{self.settings}environment_variables")
        return found if isinstance(found, dict) else {}

    @property
    def settings(self) -> str:
        """Where settings of a batch deployment are: below ``settings.`` if it has a `type`."""
        return "settings." if self.kind == "batch" and "type" in self.content else ""

    @property
    def is_pipeline(self) -> bool:
        """Whether it is a deployment of a pipeline, which has no code, model or environment."""
        return self.kind == "batch" and self.content.get("type") == "pipeline"

    @property
    def compute(self) -> str | None:
        """Name of the cluster that runs a batch deployment's jobs."""
        name = self.get("settings.default_compute" if self.is_pipeline else "compute")
        return name.removeprefix("azureml:") if isinstance(name, str) else None

    def error(self, what: str, why: str, how: str) -> Finding:
        """A finding that would make the deployment fail or serve wrongly."""
        return Finding("error", f"{self.path}: {what}", why, how)

    def warning(self, what: str, why: str, how: str) -> Finding:
        """A finding that is worth a thought."""
        return Finding("warning", f"{self.path}: {what}", why, how)

    def ok(self, what: str) -> Finding:
        """What was looked at and is well."""
        return Finding("ok", f"{self.path}: {what}")


def _kind(content: dict[str, Any]) -> Kind:
    schema = str(content.get("$schema", "")).lower()
    if content.get("type") == "kubernetes" or "kubernetes" in schema:
        return "kubernetes"
    if "endpoint_name" in content:  # a deployment: only those of batch endpoints name their compute
        is_batch = "compute" in content or content.get("type") == "pipeline" or "batch" in schema
        return "batch" if is_batch else "managed"
    if "defaults" in content or "batch" in schema:
        return "batch"
    return "kubernetes" if "compute" in content else "managed"
