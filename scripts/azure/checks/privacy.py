"""What of requests and answers is stored, and whether scores are."""

from __future__ import annotations

from collections.abc import Iterator

from nsfw_detector.collection import COLLECTION
from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding

PAYLOADS = ("request", "response")
"""Reserved names: whole bodies."""


def check_privacy(document: Document) -> Iterator[Finding]:
    """Look at Application Insights and the data collector."""
    if document.kind == "batch":
        return
    variables = {name: str(value).lower() for name, value in document.variables.items()}
    if document.get("app_insights_enabled") and (
        variables.get("APP_INSIGHTS_LOG_RESPONSE_ENABLED") != "false"
    ):
        yield document.error(
            "app_insights_enabled without APP_INSIGHTS_LOG_RESPONSE_ENABLED: false",
            "By default the inference server writes each whole answer, callers' ids among it, to "
            "Application Insights.",
            'APP_INSIGHTS_LOG_RESPONSE_ENABLED: "false".',
        )
    if variables.get("AML_MODEL_DC_STORAGE_ENABLED") == "true":
        yield document.error(
            "AML_MODEL_DC_STORAGE_ENABLED is true",
            "The inference server writes the bodies of requests, that is images, to its log.",
            "Remove it.",
        )
    collections = document.get("data_collector.collections")
    if not isinstance(collections, dict):  # of another type: the SDK says so
        collections = {}
    enabled = {
        name
        for name, settings in collections.items()
        if isinstance(settings, dict) and str(settings.get("enabled")).lower() == "true"
    }
    for name in sorted(enabled.intersection(PAYLOADS)):
        yield document.error(
            f"data_collector.collections.{name} is enabled",
            f"It stores the body of every {name} in blob storage"
            + (", images included." if name == "request" else ", callers' ids included."),
            f"Remove it. {COLLECTION} has levels, decisions and scores.",
        )
    if variables.get("COLLECT_SCORES") == "true" and COLLECTION not in enabled:
        yield document.warning(
            f"COLLECT_SCORES is true, and data_collector has no collection {COLLECTION}",
            "The scores are thrown away.",
            f'data_collector: {{collections: {{{COLLECTION}: {{enabled: "True"}}}}}}.',
        )
    if COLLECTION in enabled and variables.get("COLLECT_SCORES") != "true":
        yield document.warning(
            f"data_collector.collections.{COLLECTION} is enabled, and COLLECT_SCORES is not true",
            "It stays empty.",
            'COLLECT_SCORES: "true".',
        )
