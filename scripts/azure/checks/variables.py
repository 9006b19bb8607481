"""Environment variables: whether the server reads them, and accepts their values."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from unittest import mock

from nsfw_detector.errors import SettingsError
from nsfw_detector.settings import Settings
from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding

SETTINGS = frozenset(name.upper() for name in Settings.model_fields)
SERVER = frozenset(
    {
        "AML_APP_INSIGHTS_ENABLED",
        "AML_APP_INSIGHTS_KEY",
        "AML_APP_ROOT",
        "AML_CORS_ORIGINS",
        "AML_MODEL_DC_STORAGE_ENABLED",
        "APP_INSIGHTS_LOG_RESPONSE_ENABLED",
        "AZUREML_DEBUG_PORT",
        "AZUREML_ENTRY_SCRIPT",
        "AZUREML_LOG_LEVEL",
        "GUNICORN_CMD_ARGS",
        "SCORING_TIMEOUT_MS",
        "SERVER_VERSION_LOG_RESPONSE_ENABLED",
        "SERVICE_NAME",
        "SERVICE_PATH_PREFIX",
        "SERVICE_VERSION",
        "WORKER_COUNT",
        "WORKER_PRELOAD",
        "WORKER_TIMEOUT",
    }
)
"""Read by the inference server."""
OF_LIBRARIES = ("AZUREML_", "CUDA_", "MALLOC_", "MKL_", "NVIDIA_", "OMP_", "OV_", "PYTHON", "TORCH")
ALIKE = 0.8


def check_variables(document: Document) -> Iterator[Finding]:
    """Look at names, types and values."""
    if document.settings and "environment_variables" in document.content:
        yield document.error(
            "environment_variables stands at the top",
            "With `type: model` the SDK sends only those below `settings`; these would be lost.",
            "Move it below `settings`.",
        )
    for name, value in document.variables.items():
        if not isinstance(value, str):
            yield document.error(
                f"environment_variables.{name} is {value!r} and no text",
                "Azure takes text only, and the SDK does not check it.",
                f'Quote it: {name}: "{str(value).lower()}".',
            )
        yield from _check_name(document, str(name))
    settings = {n: v for n, v in document.variables.items() if str(n).upper() in SETTINGS}
    # As the server will see them, and nothing of this machine's own environment.
    with mock.patch.dict(os.environ, {n: str(v) for n, v in settings.items()}, clear=True):
        try:
            Settings.from_environment()
        except SettingsError as error:
            yield document.error(
                error.message.rstrip("."),
                "The container stops when it starts.",
                "The settings are in README.md.",
            )


def _check_name(document: Document, name: str) -> Iterator[Finding]:
    known = SETTINGS | SERVER
    if name.upper() in SETTINGS or name in SERVER or name.startswith(OF_LIBRARIES):
        return
    near = difflib.get_close_matches(name.upper(), known, 1, cutoff=ALIKE)
    if near:
        yield document.error(
            f"environment_variables.{name} is read by nothing; {near[0]} is",
            "What it was meant to set keeps its default, silently.",
            f"Write {near[0]}.",
        )
    else:
        yield document.warning(
            f"environment_variables.{name} is not known here",
            "Neither the settings of this package nor the inference server read it.",
            "Look for a slip of the pen; leave it if it is yours.",
        )
