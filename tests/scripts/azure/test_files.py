from __future__ import annotations

import pytest

from scripts.azure.checks.upload import uploaded_files
from scripts.azure.files import staged
from scripts.paths import ROOT


def test_a_stage_holds_what_goes_up_and_nothing_else() -> None:
    with staged(ROOT) as stage:
        assert stage.name == ROOT.name  # a container shows its code under this name
        found = {p.relative_to(stage).as_posix(): p for p in stage.rglob("*") if p.is_file()}
        assert set(found) == set(uploaded_files(ROOT))
        assert all(p.read_bytes() == (ROOT / name).read_bytes() for name, p in found.items())
    assert not stage.exists()


def test_a_stage_goes_whatever_happens() -> None:
    with pytest.raises(RuntimeError), staged(ROOT) as stage:
        raise RuntimeError
    assert not stage.exists()
