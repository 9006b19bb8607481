"""All that can be said of a file without asking Azure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.azure.checks.code import check_code
from scripts.azure.checks.concurrency import check_concurrency
from scripts.azure.checks.document import Check, Document, UnreadableError
from scripts.azure.checks.endpoint import check_authentication, check_traffic
from scripts.azure.checks.environment import check_environment
from scripts.azure.checks.hardware import check_size
from scripts.azure.checks.model import check_model
from scripts.azure.checks.names import check_names
from scripts.azure.checks.pipeline import check_pipeline
from scripts.azure.checks.privacy import check_privacy
from scripts.azure.checks.probes import check_probes
from scripts.azure.checks.ranges import check_ranges
from scripts.azure.checks.resources import check_resources
from scripts.azure.checks.sdk_schema import check_sdk_schema
from scripts.azure.checks.variables import check_variables
from scripts.azure.findings import Finding

DEPLOYMENT: tuple[Check, ...] = (
    check_sdk_schema,
    check_names,
    check_ranges,
    check_probes,
    check_concurrency,
    check_resources,
    check_size,
    check_variables,
    check_privacy,
    check_code,
    check_model,
    check_environment,
)
PIPELINE: tuple[Check, ...] = (check_sdk_schema, check_names, check_pipeline)
ENDPOINT: tuple[Check, ...] = (check_sdk_schema, check_names, check_authentication, check_traffic)


def check_deployment(path: Path, replaced: Mapping[str, str] | None = None) -> list[Finding]:
    """Check a deployment's YAML file, and what it refers to on this machine.

    Args:
        path: Of a managed, Kubernetes or batch deployment.
        replaced: Fields that take the place of the file's own, such as `endpoint_name`.

    Returns:
        What was found, things that are well among it; an unreadable file is itself a finding.
    """
    return _check(path, DEPLOYMENT, replaced)


def check_endpoint(path: Path) -> list[Finding]:
    """Check an endpoint's YAML file; like `check_deployment`."""
    return _check(path, ENDPOINT)


def _check(
    path: Path, checks: tuple[Check, ...], replaced: Mapping[str, str] | None = None
) -> list[Finding]:
    try:
        document = Document.read(path, replaced)
    except UnreadableError as error:
        return [
            Finding(
                "error",
                f"{path} cannot be checked: {error}",
                "Nothing can be deployed from it.",
                "Name a YAML file such as those in deployments/ and endpoints/.",
            )
        ]
    checks = PIPELINE if document.is_pipeline else checks
    findings = [finding for check in checks for finding in check(document)]
    if not any(finding.severity == "error" for finding in findings):
        findings.append(document.ok("no mistake found"))
    return findings
