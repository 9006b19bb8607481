from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from nsfw_detector.errors import PolicyError
from nsfw_detector.policy import Policy

LABELS = ("neutral", "low", "medium", "high")


def reached(low: float, medium: float, high: float) -> dict[str, float]:
    return {"low": low, "medium": medium, "high": high}


@pytest.mark.parametrize(
    ("at_least", "level", "decision"),
    [
        (reached(0.49, 0.2, 0.1), "neutral", "allow"),
        (reached(0.5, 0.2, 0.1), "low", "allow"),
        (reached(0.9, 0.5, 0.1), "medium", "review"),
        (reached(0.9, 0.8, 0.5), "high", "block"),
    ],
)
def test_the_default_policy(at_least: dict[str, float], level: str, decision: str) -> None:
    policy = Policy.load().check_labels(LABELS)
    assert policy.level(at_least, "neutral") == level
    assert policy.decide(at_least) == decision


def test_thresholds_of_a_policy_are_used() -> None:
    policy = Policy.parse(
        {"levels": {"high": 0.2}, "review": {"low": 0.1}, "block": {"medium": 0.9, "high": 0.3}}
    )
    assert policy.level(reached(0.3, 0.25, 0.2), "neutral") == "high"
    assert policy.decide(reached(0.05, 0.0, 0.0)) == "allow"
    assert policy.decide(reached(0.1, 0.0, 0.0)) == "review"
    assert policy.decide(reached(0.9, 0.5, 0.3)) == "block"
    assert policy.decide(reached(0.95, 0.9, 0.0)) == "block"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"levels": {"low": 1.5}}, r"levels\.low"),
        ({"review": {"low": -0.1}}, r"review\.low"),
        ({"block": {"low": math.nan}}, r"block\.low"),
        ({"block": {"low": "0.5"}}, r"block\.low"),
        ({"block": {"low": True}}, r"block\.low"),
        ({"blocks": {}}, "blocks"),
        ([], "Policy not valid"),
        (None, "Policy not valid"),
    ],
)
def test_wrong_content_names_the_field(content: Any, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        Policy.parse(content)


@pytest.mark.parametrize("name", ["neutral", "extreme"])
def test_levels_must_be_the_checkpoint_s(name: str) -> None:
    with pytest.raises(PolicyError, match=rf"review\.{name}.*low, medium, high above neutral"):
        Policy.parse({"review": {name: 0.5}}).check_labels(LABELS)


def test_a_file_that_is_missing_or_not_yaml(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="POLICY_FILE"):
        Policy.load(tmp_path / "none.yml")
    path = tmp_path / "policy.yml"
    path.write_text("levels: [")
    with pytest.raises(PolicyError, match="not YAML"):
        Policy.load(path)
