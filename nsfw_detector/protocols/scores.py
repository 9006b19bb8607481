"""Probabilities in JSON."""

from __future__ import annotations

from typing_extensions import TypedDict

from nsfw_detector.results import Detection


class LabelScore(TypedDict):
    """The probability of one label."""

    label: str
    score: float


def probability(value: float) -> float:
    """Round to the digits that mean something."""
    return round(float(value), 6)


def ranked(detection: Detection) -> list[LabelScore]:
    """List the probabilities of all labels, the most probable first."""
    scores = sorted(detection.scores.items(), key=lambda item: item[1], reverse=True)
    return [{"label": label, "score": probability(score)} for label, score in scores]
