"""The model card that is registered beside the weights: facts, and the limits that go with them."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.azure.models.facts import ModelFacts

CARD = "MODEL_CARD.md"

DEMO_WARNING = (
    "DEMO CHECKPOINT, NEVER A MODERATOR. "
    "It counts drawn warning badges and knows nothing of nudity."
)

LIMITS = """\
- It judges sexual content only: no violence, hate or self-harm, and it is no detector of child
  abuse material.
- It sees the whole picture at {height} x {width} pixels. A small region in a large canvas or a
  collage is easily missed.
- Where to put the thresholds depends on your images: measure on a sample of your own."""


def summary(facts: ModelFacts) -> str:
    """One line for the registered model's description."""
    return (
        f"{DEMO_WARNING + ' ' if facts.demo else ''}"
        f"Image classifier with the levels {' < '.join(facts.labels)}, from {facts.source}, "
        f"licence {facts.licence}. Weights sha256:{facts.sha256}."
    )


def render(name: str, facts: ModelFacts, metrics: Mapping[str, float]) -> str:
    """Write the card.

    It holds nothing that differs from one run to the next, so that the same model is the same
    upload.

    Args:
        name: Name of the registered model.
        facts: Of its checkpoint.
        metrics: As the person measured them.
    """
    height, width = facts.input_size
    levels = " < ".join(facts.labels)
    warning = f"> **{DEMO_WARNING}**\n\n" if facts.demo else ""
    rows = "\n".join(f"| {key} | {value} |" for key, value in facts.properties().items())
    measured = "\n".join(f"| {key} | {value:g} |" for key, value in sorted(metrics.items()))
    metric_part = (
        f"| metric | value |\n|---|---|\n{measured}"
        if metrics
        else "None were given with the model."
    )
    return f"""\
# {name}

{warning}Grades images {levels}. An answer has the probability of each level, and of
each level or a higher one; a policy file makes allow, review or block of them.

| fact | value |
|---|---|
{rows}

## Limits

{LIMITS.format(height=height, width=width)}

## Metrics

{metric_part}
"""
