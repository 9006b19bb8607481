"""A batch deployment that runs a pipeline of components instead of a scoring script."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding

SETTINGS = {
    "continue_on_step_failure",
    "default_compute",
    "default_datastore",
    "force_rerun",
}


def check_pipeline(document: Document) -> Iterator[Finding]:
    """Look at the settings, which the SDK passes on whatever they are called."""
    settings = document.get("settings")
    names = settings if isinstance(settings, dict) else {}
    for name in sorted(map(str, names.keys() - SETTINGS)):
        yield document.error(
            f"settings.{name} is no setting of a pipeline",
            "The SDK and Azure accept any name, and nothing comes of it.",
            f"One of {', '.join(sorted(SETTINGS))}.",
        )
    if not names.get("default_compute"):
        yield document.error(
            "settings.default_compute is missing",
            "Steps that name no compute of their own have nowhere to run.",
            "default_compute: nsfw-batch-cpu.",
        )
