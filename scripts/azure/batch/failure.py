"""Why a batch job failed: what Azure says, what its workers wrote, and the likely cause."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import requests
from azure.core.exceptions import AzureError

from scripts.azure.batch.job import BatchJob
from scripts.azure.deployment.diagnosis import SAID_BY_AZURE, Cause, diagnose

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

# The most telling logs of a parallel run first; what is in them: logs/readme.txt of each job.
TELLING = (r"logs/user/error/", r"logs/user/error\.txt", r"job_error", r"std_log", r"job_progress")
MOST_LOGS = 3
TAIL = 4000

SAID_OF_JOBS = (
    Cause(
        "error threshold",
        r"(?i)(error[ _]threshold|number of failed items)",
        "Mini-batches failed again and again, and the deployment's `error_threshold` allows none. "
        "Files that cannot be read do not count: they have a row that says so.",
        "The log above tells what failed. A mini-batch that takes too long needs a larger "
        "`retry_settings.timeout`, or a smaller --mini-batch-size.",
    ),
    Cause(
        "time of a mini-batch",
        r"(?i)(no progress update in|mini[- ]?batch.{0,40}timed? ?out)",
        "A mini-batch took longer than `retry_settings.timeout`.",
        "Give a smaller --mini-batch-size, or raise the timeout in the deployment's YAML.",
    ),
    Cause(
        "input not mounted",
        r"(?i)(StreamAccessException|can't mount dataset|dataset initialization failed"
        r"|DataAccessError|ScriptExecution\.StreamAccess)",
        "The cluster could not read the input, or write the output.",
        "Give the cluster's identity the role `Storage Blob Data Reader` on the storage account of "
        "the input, and `Storage Blob Data Contributor` on that of the output.",
    ),
    Cause(
        "nothing succeeded",
        r"(?i)(no succeeded mini batch|no objects to concatenate)",
        "Not a single mini-batch succeeded.",
        "The log above tells why. Try the same files here: python -m scripts.score_folder <folder>",
    ),
)


def explain_failure(client: MLClient, job: BatchJob) -> str:
    """Show what is known of a failed job, and name the likely cause and what to do.

    Args:
        client: The workspace.
        job: Which has ended.
    """
    errors: list[str] = []
    logs: dict[str, str] = {}
    for run in [job.name, *(str(step.name) for step in job.steps())]:
        error, found = _details(client, run)
        errors += [error] if error else []
        logs |= found
    log = "\n".join(f"--- {name} ---\n{_tail(url)}" for name, url in _most_telling(logs))
    if log:
        print(log, file=sys.stderr)
    said = " ".join(dict.fromkeys(errors)) or "nothing"
    found_cause = diagnose(said, log, (*SAID_OF_JOBS, *SAID_BY_AZURE))
    return (
        f"Azure says: {said}\n"
        f"Likely cause ({found_cause.name}): {found_cause.what}\n"
        f"What to do: {found_cause.remedy}\n"
        f"All logs: {job.studio_url} (step batchscoring, Outputs + logs)"
    )


def _details(client: MLClient, run: str) -> tuple[str, dict[str, str]]:
    """The error of a run, and the signed addresses of its logs by name."""
    try:
        # Private, and the only way to a run's error: `jobs.stream` prints it and what it logs.
        details: Any = client.jobs._runs_operations.get_run_details(run)
    except AzureError as error:
        return f"(its record cannot be read: {error.message})", {}
    root = details.error.error if details.error else None
    message = " ".join(str(root.message or root.code).split()) if root else ""
    return message, dict(details.log_files or {})


def _most_telling(logs: dict[str, str]) -> list[tuple[str, str]]:
    ranked = [
        (rank, name)
        for name in logs
        for rank, pattern in enumerate(TELLING)
        if re.search(pattern, name)
    ]
    names = dict.fromkeys(name for _, name in sorted(ranked))
    return [(name, logs[name]) for name in list(names)[:MOST_LOGS]]


def _tail(url: str) -> str:
    try:
        answer = requests.get(url, timeout=30)
        answer.raise_for_status()
    except requests.RequestException as error:
        return f"(cannot be fetched: {type(error).__name__})"
    return answer.text[-TAIL:].strip()
