"""The scoring hosts of batch endpoints: a request makes a job."""

from __future__ import annotations

import threading
import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, request

from tests.cloud import batch_job, tokens
from tests.cloud.arm import batch_endpoints, jobs
from tests.cloud.arm.datastores import DEFAULT
from tests.cloud.arm.references import find_asset
from tests.cloud.errors import ArmError, not_found
from tests.cloud.resources import Resource
from tests.cloud.scoring import DEPLOYMENT_HEADER
from tests.cloud.state import State, current

INPUT_TYPES = ("UriFile", "UriFolder")
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
    sent = (request.get_json() or {}).get("properties") or {}
    job_name = sent.get("name") or f"batchjob-{uuid.uuid4()}"
    recipe = _recipe(state, deployment, sent, job_name)
    job = state.store.put(f"{jobs.COLLECTION}/{job_name}", {}, _properties(endpoint, recipe))
    thread = threading.Thread(target=_run, args=(state, job, recipe), daemon=True)
    state.background.append(thread)
    thread.start()
    answer = jsonify(job.body())
    answer.status_code = 201
    return answer


def _recipe(
    state: State, deployment: Resource, sent: dict[str, Any], job: str
) -> batch_job.BatchRecipe:
    inputs = list((sent.get("inputData") or sent.get("InputData") or {}).values())
    if len(inputs) != 1:
        raise ArmError(400, "BadRequest", "A model deployment takes exactly one input.")
    source = {key[:1].lower() + key[1:]: value for key, value in inputs[0].items()}
    if source.get("jobInputType") not in INPUT_TYPES:
        raise ArmError(400, "BadRequest", f"The input must be one of {INPUT_TYPES}.")
    uri = str(source.get("uri")).rstrip("/")
    if not state.storage.files(uri):
        raise ArmError(400, "BadRequest", f"There is nothing at the input {uri}.")
    properties = deployment.properties
    code = find_asset(state, properties["codeConfiguration"]["codeId"], "code")
    model = find_asset(state, properties["model"]["assetId"], "model")
    output = f"azureml://datastores/{DEFAULT}/paths/azureml/{job}/score"
    return batch_job.BatchRecipe(
        code_uri=code.properties["codeUri"],
        script=properties["codeConfiguration"]["scoringScript"],
        model_uri=model.properties["modelUri"],
        model_path="/".join(model.id.split("/")[-3::2]),
        variables=properties["environmentVariables"],
        input_uri=uri,
        mini_batch_size=sent.get("miniBatchSize", properties["miniBatchSize"]),
        error_threshold=sent.get("errorThreshold", properties["errorThreshold"]),
        output_uri=f"{output}/{sent.get('outputFileName', properties['outputFileName'])}",
    )


def _properties(endpoint: Resource, recipe: batch_job.BatchRecipe) -> dict[str, Any]:
    return {
        "jobType": "Pipeline",
        "status": "Running",
        "experimentName": "batch",
        "displayName": "batch",
        "properties": {"endpoint": endpoint.name},
        "tags": {},
        "services": {},
        "inputs": {},
        "jobs": {},
        "settings": {},
        "outputs": {"score": {"jobOutputType": "uri_file", "uri": recipe.output_uri}},
    }


def _run(state: State, job: Resource, recipe: batch_job.BatchRecipe) -> None:
    try:
        batch_job.run(recipe, state.storage, state.new_folder())
    except Exception as error:
        job.properties["properties"]["error"] = str(error)
        job.properties["status"] = "Failed"
        if not isinstance(error, batch_job.BatchJobError):
            raise
    else:
        job.properties["status"] = "Completed"
