from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.contenders import PIPELINE
from benchmarks.pair import compare


def test_the_ratio_is_that_of_the_times(small: Path, pictures: list[Path]) -> None:
    first, second, ratio = compare(("ours fp32", PIPELINE), small, pictures[:1], rounds=1)
    assert first > 0
    assert ratio == pytest.approx(second / first)
