from __future__ import annotations

from pathlib import Path

import pytest

from nsfw_detector.threads import inference_threads, usable_cores


@pytest.mark.parametrize(("text", "limit"), [("100000 100000", 1), ("50000 100000", 1)])
def test_the_container_limit_counts(tmp_path: Path, text: str, limit: int) -> None:
    cpu_max = tmp_path / "cpu.max"
    cpu_max.write_text(text)
    assert usable_cores(cpu_max) == limit


@pytest.mark.parametrize("text", ["max 100000", "99900000 100000", ""])
def test_no_limit_below_the_machine(tmp_path: Path, text: str) -> None:
    cpu_max = tmp_path / "cpu.max"
    cpu_max.write_text(text)
    assert usable_cores(cpu_max) == usable_cores(tmp_path / "none") >= 1


def test_the_setting_goes_before_the_machine() -> None:
    assert inference_threads(3) == 3
    assert inference_threads(0) == usable_cores()
