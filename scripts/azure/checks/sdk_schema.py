"""Whether the SDK itself accepts a file."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding


def check_sdk_schema(document: Document) -> Iterator[Finding]:
    """Load the file with the SDK's own loader, which knows all names of fields and their types."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            entity = _loader(document)(document.path)
            getattr(entity, "_validate", lambda: None)()
    except Exception as error:  # the loaders raise many kinds
        yield document.error(
            f"the SDK refuses it: {_readable(error)}",
            "`az ml` and the scripts load it the same way, so nothing can be deployed from it.",
            "Mend the field that is named; Microsoft documents them as `CLI (v2) YAML schemas`.",
        )


def _loader(document: Document) -> Any:
    from azure.ai.ml import (
        load_batch_deployment,
        load_batch_endpoint,
        load_online_deployment,
        load_online_endpoint,
    )

    # The public loader of batch deployments does not know `type: model` with `settings`.
    from azure.ai.ml.entities._load_functions import (
        load_model_batch_deployment,
        load_pipeline_component_batch_deployment,
    )

    if "endpoint_name" not in document.content:
        return load_batch_endpoint if document.kind == "batch" else load_online_endpoint
    if document.is_pipeline:
        return load_pipeline_component_batch_deployment
    if document.kind == "batch":
        return load_model_batch_deployment if document.settings else load_batch_deployment
    return load_online_deployment


def _readable(error: Exception) -> str:
    text = str(getattr(error, "message", None) or error)
    lines = (line.strip(" \x1b[]0123456789;m") for line in text.splitlines())
    return " ".join(line for line in lines if line)[:500]
