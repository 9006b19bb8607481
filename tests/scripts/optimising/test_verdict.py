from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from nsfw_detector.engines.optimised import Candidate
from scripts.optimising.verdict import Verdict, choose

NO_CHANGE = Verdict(100, 1, 1, 0, 0, 0, 0.005)


def verdict(**changes: Any) -> Verdict:
    return dataclasses.replace(NO_CHANGE, **changes)


@pytest.mark.parametrize(
    ("int8", "chosen"),
    [
        (verdict(speedup=3), "int8"),
        (verdict(speedup=1.5), "bf16"),
        (verdict(speedup=3, decision_changes=1, decision_changes_bound=0.011), "bf16"),
        (verdict(speedup=3, decision_changes_bound=0.011), "bf16"),  # too few images to know
    ],
)
def test_int8_must_be_faster_and_pass_the_gate(int8: Verdict, chosen: str) -> None:
    verdicts: dict[Candidate, Verdict] = {
        "fp32": NO_CHANGE,
        "bf16": verdict(speedup=2),
        "int8": int8,
    }
    assert choose(verdicts, tolerance=0.01) == chosen
