"""The regional host's record of runs: the steps of a job, their errors, logs and outputs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from tests.cloud.arm import checks
from tests.cloud.arm.paths import RUNS, WORKSPACE_ID
from tests.cloud.resources import Resource
from tests.cloud.state import current

history = Blueprint("run_history", __name__, url_prefix=f"/history/v1.0{WORKSPACE_ID}")
data = Blueprint("resolved_data", __name__, url_prefix=f"/data/v1.0{WORKSPACE_ID}")
ASSET = "azureml://locations/westeurope/workspaces/moderation/data/"


@history.get("/runs/<run>/children")
def children(run: str) -> dict[str, Any]:
    found = current().store.children(RUNS)
    return {"value": [_shown(r) for r in found if r.properties["parent"] == run]}


@history.get("/runs/<run>")
def get(run: str) -> dict[str, Any]:
    return _shown(current().store.get(f"{RUNS}/{run}"))


@history.get("/runs/<run>/details")
def details(run: str) -> dict[str, Any]:
    state = current()
    found = state.store.get(f"{RUNS}/{run}")
    logs = {n: state.storage.signed_url(uri) for n, uri in found.properties["logs"].items()}
    return {**_shown(found), "logFiles": logs}


@history.post("/rundata")
def run_data() -> dict[str, Any]:
    return {"runMetadata": _shown(current().store.get(f"{RUNS}/{request.get_json()['runId']}"))}


@data.post("/dataversion/batchGetResolvedUris")
def resolve() -> dict[str, Any]:
    """The addresses of outputs, by the ids under which they are noted in the run history."""
    found = {}
    for asset in request.get_json()["values"]:
        _, _, place = asset.partition(ASSET)
        run, _, output = place.partition("_output_")
        uri = current().store.get(f"{RUNS}/{run}").properties["outputs"][output]
        found[asset] = {"uri": uri, "type": "uri_folder"}
    return {"values": found}


def _shown(run: Resource) -> dict[str, Any]:
    """As the run history shows it; outputs are known at its end."""
    shown = run.properties
    return {
        "runId": run.name,
        "parentRunId": shown["parent"],
        "status": shown["status"],
        "displayName": "batchscoring" if shown["parent"] else run.name,
        "createdUtc": run.created,
        "properties": {},
        "tags": {},
        "error": {"error": shown["error"]} if shown["error"] else None,
        "outputs": {
            name: {"assetId": f"{ASSET}{run.name}_output_{name}", "type": "uri_folder"}
            for name in shown["outputs"]
        },
    }


def blueprints() -> list[Blueprint]:
    """The views; every request needs a token."""
    for part in (history, data):
        part.before_request(checks.check_token)
    return [history, data]
