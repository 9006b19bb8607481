from __future__ import annotations

from itertools import product

import pytest

from scripts.azure.deployment.traffic import shift
from scripts.errors import OperatorError


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        ({}, 100, {"green": 100}),
        ({}, 0, {}),
        ({"blue": 100}, 10, {"blue": 90, "green": 10}),
        ({"blue": 100}, 100, {"green": 100}),
        ({"blue": 90, "green": 10}, 0, {"blue": 100}),
        ({"blue": 60, "red": 40}, 50, {"blue": 30, "red": 20, "green": 50}),
    ],
)
def test_others_keep_their_proportion(
    before: dict[str, int], percent: int, after: dict[str, int]
) -> None:
    assert shift(before, "green", percent) == after


def test_percentages_always_add_up() -> None:
    for a, b, percent in product(range(1, 60, 7), range(1, 40, 3), range(101)):
        before = {"a": a, "b": b, "c": 100 - a - b}
        after = shift(before, "green", percent)
        assert sum(after.values()) == 100
        assert all(0 < share <= 100 for share in after.values())
        assert after.get("green", 0) == percent
        for name, share in before.items():
            assert abs(after.get(name, 0) - share * (100 - percent) / 100) < 1


def test_the_rest_must_go_somewhere() -> None:
    with pytest.raises(OperatorError, match="nobody the other 90"):
        shift({}, "green", 10)
    with pytest.raises(OperatorError, match="nobody the other 50"):
        shift({"green": 100}, "green", 50)
