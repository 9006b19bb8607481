"""The scoring hosts: authentication, routing, limits, and real inference servers behind them."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from flask import Blueprint, Response, request
from pydantic import TypeAdapter

from tests.cloud import proxy, tokens
from tests.cloud.arm.paths import WORKSPACE_ID
from tests.cloud.resources import Resource
from tests.cloud.state import State, current
from tests.cloud.traffic import Scored, now

DEPLOYMENT_HEADER = "azureml-model-deployment"
QUEUE_FACTOR = 2  # as many again may wait as run
duration = TypeAdapter(timedelta)
blueprint = Blueprint("scoring", __name__)


@blueprint.route("/<path:path>", methods=["GET", "POST", "OPTIONS"])
def score(path: str) -> Response:
    state = current()
    name = request.host.partition(".")[0]
    endpoint = state.store.find(f"{WORKSPACE_ID}/onlineEndpoints/{name}")
    if endpoint is None:
        return Response("no such endpoint", 404)
    if not _is_allowed(state, endpoint):
        return Response("key_auth_access_denied", 401)
    deployment = _route(state, endpoint)
    if deployment is None:
        return Response("The endpoint has no deployment with positive traffic.", 404)
    _mirror(state, endpoint)
    started, when = time.monotonic(), now()
    response = _ask(state, deployment)
    elapsed = (time.monotonic() - started) * 1000
    state.traffic.count(Scored(when, deployment.id.lower(), response.status_code, elapsed))
    response.headers[DEPLOYMENT_HEADER] = deployment.name
    response.headers["azureml-model-group"] = deployment.name
    return response


def _is_allowed(state: State, endpoint: Resource) -> bool:
    sent = request.headers.get("Authorization")
    mode = endpoint.properties["authMode"]
    if mode == "Key":
        return (sent or "").removeprefix("Bearer ") in state.keys[endpoint.id.lower()]
    return tokens.accepts(
        sent, endpoint.id.lower() if mode == "AMLToken" else "https://ml.azure.com"
    )


def _route(state: State, endpoint: Resource) -> Resource | None:
    name = request.headers.get(DEPLOYMENT_HEADER)
    if name is None:
        name = state.traffic.choose(endpoint.id, endpoint.properties["traffic"])
    found = state.store.find(f"{endpoint.id}/deployments/{name}") if name else None
    return found if found is not None and found.id.lower() in state.containers else None


def _ask(state: State, deployment: Resource) -> Response:
    settings = deployment.properties["requestSettings"]
    timeout = duration.validate_python(settings["requestTimeout"]).total_seconds()
    instances = int(deployment.fields["sku"]["capacity"])
    limit = QUEUE_FACTOR * settings["maxConcurrentRequestsPerInstance"] * instances
    with state.traffic.slot(deployment.id, limit) as free:
        if not free:
            return Response("too many requests under way", 429)
        started = time.monotonic()
        container = state.containers[deployment.id.lower()]
        try:
            answer = proxy.forward(request, container.port, timeout)
        except TimeoutError:
            return Response("upstream request timeout", 408)
        except OSError:
            return Response("upstream connect error", 502)
        answer.headers["ms-azureml-model-time"] = str(int((time.monotonic() - started) * 1000))
        if answer.status_code != 200:
            answer.headers["ms-azureml-model-error-statuscode"] = str(answer.status_code)
            answer.headers["ms-azureml-model-error-reason"] = "model_error"
            answer.status_code = 424
        return answer


def _mirror(state: State, endpoint: Resource) -> None:
    """Send a copy to the deployment that is mirrored to, when it is its turn."""
    name = state.traffic.choose(endpoint.id + "/mirror", endpoint.properties["mirrorTraffic"])
    target = state.store.find(f"{endpoint.id}/deployments/{name}") if name else None
    container = state.containers.get(target.id.lower()) if target else None
    if target is None or container is None:
        return
    copied = (container.port, request.method, request.environ["RAW_URI"])
    headers, body, deployment = dict(request.headers), request.get_data(), target.id.lower()
    headers.pop("Content-Length", None)

    def send() -> None:
        started, when = time.monotonic(), now()
        try:
            status = proxy.send(*copied, headers, body, 60).status_code
        except OSError:
            status = 502
        elapsed = (time.monotonic() - started) * 1000
        state.traffic.count(Scored(when, deployment, status, elapsed, mirrored=True))

    thread = threading.Thread(target=send, daemon=True)
    state.background.append(thread)
    thread.start()
