"""The life of a batch job: a pipeline job of one step, `batchscoring`, which does the work."""

from __future__ import annotations

import threading

from tests.cloud.arm.paths import JOBS, RUNS, WORKSPACE_ID
from tests.cloud.batch_job import BatchJob, BatchJobError, BatchRecipe
from tests.cloud.resources import Resource
from tests.cloud.state import State

LOGS = "azureml://datastores/workspaceblobstore/paths/logs"  # Azure has a datastore of their own
ENDED = ("Completed", "Failed", "Canceled")


def start(
    state: State, endpoint: Resource, name: str, step_name: str, recipe: BatchRecipe
) -> Resource:
    """Begin a job.

    Args:
        state: Where it is kept.
        endpoint: The endpoint that was asked for it.
        name: Of the job.
        step_name: Of its step.
        recipe: What the step is made of.
    """
    # What the job of a batch endpoint does not tell: its inputs, outputs and steps. Its step does,
    # and only in the run history.
    shown = {
        "jobType": "Pipeline",
        "status": "Preparing",
        "experimentName": endpoint.name,
        "displayName": name,
        "properties": {"endpoint": endpoint.name},
        "tags": {},
        "services": {
            "Studio": {
                "jobServiceType": "Studio",
                "endpoint": f"https://ml.azure.com/runs/{name}?wsid={WORKSPACE_ID}",
            }
        },
        "inputs": {},
        "jobs": {},
        "settings": {},
        "outputs": {},
    }
    job = state.store.put(f"{JOBS}/{name}", {}, shown)
    for run, parent in ((name, None), (step_name, name)):
        state.store.put(
            f"{RUNS}/{run}",
            {},
            {"status": "NotStarted", "parent": parent, "outputs": {}, "error": None, "logs": {}},
        )
    work = BatchJob(recipe, state.storage, state.new_folder())
    state.batch_jobs[name] = work
    thread = threading.Thread(target=_run, args=(state, job, step_name, work), daemon=True)
    state.background.append(thread)
    thread.start()
    return job


def _run(state: State, job: Resource, step_name: str, work: BatchJob) -> None:
    run, step = (state.store.get(f"{RUNS}/{name}") for name in (job.name, step_name))
    _show("Running", job, run)
    _show("Queued", step)
    state.nodes_are_there.wait(work.cancelled)
    final = "Canceled"
    try:
        if not work.cancelled.is_set():
            _show("Running", step)
            work.run()
        if not work.cancelled.is_set():
            final = "Completed"
    except Exception as error:
        final = "Failed"
        step.properties["error"] = {"code": "UserError", "message": str(error)}
        run.properties["error"] = {
            "code": "UserError",
            "message": f"Pipeline has some failed steps. See child run {step_name} for details.",
        }
        if not isinstance(error, BatchJobError):
            raise
    finally:
        step.properties["outputs"] = {"score": work.output_uri}
        name = "logs/user/error/node0/process000.txt"
        state.storage.upload(f"{LOGS}/{step_name}/{name}", work.log.encode())
        step.properties["logs"] = {name: f"{LOGS}/{step_name}/{name}"}
        state.batch_jobs.pop(job.name)
        _show(final, step, run, job)


def cancel(state: State, name: str) -> None:
    """End a job that is under way."""
    job = state.store.get(f"{JOBS}/{name}")
    work = state.batch_jobs.get(name)
    if work is not None:
        _show("CancelRequested", job)
        work.cancelled.set()


def _show(status: str, *resources: Resource) -> None:
    for resource in resources:
        resource.properties["status"] = status
