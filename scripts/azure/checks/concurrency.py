"""Requests at once, threads and time limits, which must agree from the platform to the engine."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

from nsfw_detector.settings import Settings
from nsfw_detector.threads import CONCURRENT_REQUESTS, SERVER_THREADS
from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding

CONCURRENCY = "request_settings.max_concurrent_requests_per_instance"
TIMEOUT = "request_settings.request_timeout_ms"
DEFAULT_TIMEOUT_MS = 5000
SPARE_THREADS = 2
"""At least one for each probe."""
SHORTEST_GAP_MS = 200
"""Between our time limit and the platform's, for the answer to get through."""


def check_concurrency(document: Document) -> Iterator[Finding]:
    """Compare what the platform lets in with what the server can hold, in number and in time."""
    if document.kind == "batch":
        return
    yield from _check_threads(document)
    yield from _check_timeouts(document)


def _check_threads(document: Document) -> Iterator[Finding]:
    workers = _number(document.variables.get("WORKER_COUNT", "1"))
    if workers is not None and workers > 1:
        yield document.warning(
            f"WORKER_COUNT is {workers}",
            "Each worker holds its own copy of the model, and all compete for the same cores.",
            f'WORKER_COUNT: "1" and GUNICORN_CMD_ARGS: "--threads {SERVER_THREADS}".',
        )
    arguments = document.variables.get("GUNICORN_CMD_ARGS")
    threads = SERVER_THREADS if arguments is None else _threads(str(arguments))
    if arguments is None:
        yield document.warning(
            "GUNICORN_CMD_ARGS is not set",
            f"The images of this repository run {SERVER_THREADS} threads; in any other image the "
            "server takes one request at a time, and probes fail while it scores.",
            f'GUNICORN_CMD_ARGS: "--threads {SERVER_THREADS}".',
        )
    capacity = (workers or 1) * threads
    concurrent = document.number(CONCURRENCY, 1)
    if threads == 1:
        yield document.error(
            "the server runs one thread",
            "Probes wait while an image is scored; after some failures the container is restarted.",
            f'GUNICORN_CMD_ARGS: "--threads {SERVER_THREADS}".',
        )
    elif concurrent > capacity - SPARE_THREADS:
        yield document.error(
            f"{CONCURRENCY} is {concurrent}, and the server has {capacity} threads",
            "A request holds a thread until it is answered. With none left, the probes fail and "
            "the container is restarted at its busiest.",
            f"{CONCURRENT_REQUESTS} with {SERVER_THREADS} threads (nsfw_detector/threads.py).",
        )
    elif concurrent < 2:
        yield document.warning(
            f"{CONCURRENCY} is {concurrent}",
            "Callers get 429 from the third request at once, while the server could hold "
            f"{capacity - SPARE_THREADS}.",
            f"{CONCURRENT_REQUESTS} with {SERVER_THREADS} threads (nsfw_detector/threads.py).",
        )


def _check_timeouts(document: Document) -> Iterator[Finding]:
    default = Settings.model_fields["request_timeout_ms"].default
    ours = _number(document.variables.get("REQUEST_TIMEOUT_MS", str(default)))
    theirs = document.number(TIMEOUT, DEFAULT_TIMEOUT_MS)
    if ours is not None and (ours == 0 or ours > theirs - SHORTEST_GAP_MS):
        yield document.error(
            f"REQUEST_TIMEOUT_MS is {ours or 'unlimited'}, and {TIMEOUT} is {theirs}",
            "The platform gives up first: the caller gets a bare 408, and the server goes on "
            "scoring what nobody waits for.",
            f'REQUEST_TIMEOUT_MS: "{max(theirs - 1000, theirs * 9 // 10)}".',
        )


def _threads(arguments: str) -> int:
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--threads", type=int, default=1)
    try:
        found, _ = parser.parse_known_args(shlex.split(arguments))
    except (argparse.ArgumentError, ValueError):  # gunicorn would not accept it either
        return 1
    return int(found.threads)


def _number(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:  # said by the check of the variables
        return None
