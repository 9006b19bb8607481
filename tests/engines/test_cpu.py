from __future__ import annotations

from pathlib import Path

import pytest

from nsfw_detector.engines.cpu import has_fast_bf16


@pytest.mark.parametrize(
    ("vendor", "flags", "fast"),
    [
        ("AuthenticAMD", "avx512f avx512_bf16", True),  # Zen 4
        ("AuthenticAMD", "avx2", False),  # Milan
        ("GenuineIntel", "avx512f avx512_bf16 amx_tile amx_bf16", True),  # Sapphire Rapids
        ("GenuineIntel", "avx512f avx512_bf16", False),  # the same with AMX masked
        ("GenuineIntel", "avx512f avx512_vnni", False),  # Ice Lake
    ],
)
def test_bf16_by_instruction_set(tmp_path: Path, vendor: str, flags: str, fast: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nvendor_id : {vendor}\nflags\t\t: fpu {flags}\n")
    assert has_fast_bf16(cpuinfo) is fast


def test_without_cpuinfo_there_is_no_bf16(tmp_path: Path) -> None:
    assert has_fast_bf16(tmp_path / "none") is False
