"""The scoring hosts of batch endpoints: a request makes a job."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, jsonify, request
from pydantic import TypeAdapter

from tests.cloud import batch_runs, tokens
from tests.cloud.arm import batch_endpoints, datastores
from tests.cloud.arm.batch_deployments import BatchDeployment, Resources
from tests.cloud.arm.references import ASSET_ID, find_asset
from tests.cloud.batch_job import BatchRecipe
from tests.cloud.batch_request import JobRequest
from tests.cloud.errors import ArmError, not_found
from tests.cloud.resources import Resource
from tests.cloud.schemas import parse
from tests.cloud.scoring import DEPLOYMENT_HEADER
from tests.cloud.state import State, current
from tests.cloud.storage import DATASTORE_URI

settings_of = TypeAdapter(BatchDeployment)
blueprint = Blueprint("batch_scoring", __name__)


@blueprint.post("/jobs")
def invoke() -> Response:
    state = current()
    if not tokens.accepts(request.headers.get("Authorization"), "https://ml.azure.com"):
        raise ArmError(401, "Unauthorized", "A token for https://ml.azure.com is needed.")
    name = request.host.partition(".")[0]
    endpoint = state.store.get(f"{batch_endpoints.COLLECTION}/{name}")
    default = endpoint.properties["defaults"].get("deploymentName")
    wanted = request.headers.get(DEPLOYMENT_HEADER, default)
    deployment = state.store.find(f"{endpoint.id}/deployments/{wanted}") if wanted else None
    if deployment is None:
        raise not_found(f"A deployment '{wanted}' of the endpoint '{name}'")
    sent = parse(JobRequest, (request.get_json() or {}).get("properties"))
    job = sent.name or f"batchjob-{uuid.uuid4()}"
    step = str(uuid.uuid4())
    answer = jsonify(
        batch_runs.start(state, endpoint, job, step, _recipe(state, deployment, sent, step)).body()
    )
    answer.status_code = 201
    return answer


def _recipe(state: State, deployment: Resource, sent: JobRequest, step: str) -> BatchRecipe:
    fields = {k: v for k, v in deployment.properties.items() if k != "provisioningState"}
    own = settings_of.validate_python(fields)
    assert own.code_configuration is not None
    code = find_asset(state, own.code_configuration.code_id, "code")
    model = find_asset(state, own.model.asset_id, "model")
    ((input_name, given),) = sent.input_data.items()
    retries = sent.retry_settings or own.retry_settings
    threshold = sent.error_threshold
    nodes = (
        sent.compute.instance_count or own.resources.instance_count or Resources().instance_count
    )
    default = f"azureml://datastores/{datastores.DEFAULT}/paths/azureml/{step}/score"
    output = sent.output_uri or default
    _require_datastore(output)
    return BatchRecipe(
        code_uri=code.properties["codeUri"],
        script=own.code_configuration.scoring_script,
        model_uri=model.properties["modelUri"],
        model_path="/".join(model.id.split("/")[-3::2]),
        variables=own.environment_variables,
        input_name=input_name,
        input_uri=_input_uri(state, given.uri),
        output_uri=output,
        output_file=(sent.output_file_name or own.output_file_name)
        if own.output_action == "AppendRow"
        else None,
        mini_batch_size=sent.mini_batch_size or own.mini_batch_size,
        error_threshold=own.error_threshold if threshold is None else threshold,
        max_retries=retries.max_retries,
        timeout=retries.timeout.total_seconds(),
        workers=nodes * own.max_concurrency_per_instance,
        may_end=state.mini_batches_may_end,
    )


def _input_uri(state: State, uri: str) -> str:
    if ASSET_ID.fullmatch(uri):
        uri = find_asset(state, uri, "data").properties["dataUri"]
    uri = uri.rstrip("/")
    _require_datastore(uri)
    if not state.storage.files(uri):
        raise ArmError(400, "BadRequest", f"There is nothing at the input {uri}.")
    return uri


def _require_datastore(uri: str) -> None:
    """Refuse an address of a datastore that does not exist."""
    if match := DATASTORE_URI.match(uri):
        datastores.named(match[1])
