from __future__ import annotations

import argparse

import pytest

from components.arguments import whole_number


def test_whole_number() -> None:
    assert whole_number(1)("12") == 12


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "abc", ""])
def test_no_whole_number(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no whole number from 1 on"):
        whole_number(1)(text)
