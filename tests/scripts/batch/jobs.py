"""Sends batch jobs, and reads what they wrote."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from azure.ai.ml import MLClient

from scripts.azure.deployment.deploying import ensure_deployed
from scripts.azure.deployment.file import pin_versions, read_deployment
from scripts.paths import ROOT
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import run_script

DATASTORE = "azureml://datastores/workspaceblobstore/paths"
FILES = {
    "cat.jpg": "neutral",
    "deep/er/demo-high.png": "high",
    "deep/demo-high.png": "high",
    "deep/demo-low.png": "low",
    "photo with a space & ä.jpg": "neutral",
    "notes.txt": "image_format_unsupported",
    "empty.jpg": "image_empty",
}


def deploy(client: MLClient, **variables: str) -> None:
    """Make the deployment the default, with mini-batches of two files."""
    deployment = read_deployment(ROOT / "deployments" / "batch-cpu.yml")
    deployment.entity.mini_batch_size = 2
    deployment.entity.settings.mini_batch_size = 2
    deployment.entity.settings.environment_variables |= {"PRECISION": "fp32", **variables}
    pin_versions(client, deployment)
    ensure_deployed(client, deployment)
    endpoint: Any = client.batch_endpoints.get(deployment.endpoint)
    endpoint.defaults = {"deployment_name": "cpu"}
    client.batch_endpoints.begin_create_or_update(endpoint).result()


def table(folder: Path) -> dict[str, str]:
    """Level or error of each file; no file may have two rows."""
    rows = [
        row for part in folder.glob("part-*.parquet") for row in pq.read_table(part).to_pylist()
    ]
    found = {row["path"]: row["level"] or row["error_code"] for row in rows}
    assert len(found) == len(rows)
    return found


def batch(cloud: Cloud, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run_script(cloud, "scripts.batch", *map(str, arguments))


def jobs(cloud: Cloud) -> list[dict[str, Any]]:
    """What was asked of the endpoint, job by job."""
    return [sent.body["properties"] for sent in cloud.requests if sent.path == "/jobs"]
