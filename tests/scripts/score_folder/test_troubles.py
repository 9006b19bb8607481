"""Inputs and outputs that go away."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from scripts.errors import OperatorError
from scripts.folder_run.name_set import NameSet
from scripts.folder_run.results_folder import ResultsFolder
from scripts.paths import ROOT
from scripts.score_folder import main
from tests.scripts.score_folder.results import rows


def test_an_input_that_goes_away_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    for number in range(3000):
        (root / f"{number:0200}.jpg").touch()
    done = ResultsFolder.done

    def gone_after(results: ResultsFolder) -> NameSet:
        def remove() -> None:
            while not list(out.glob("part-*.parquet")):
                time.sleep(0.001)
            shutil.rmtree(root)

        threading.Thread(target=remove).start()
        return done(results)

    monkeypatch.setattr(ResultsFolder, "done", gone_after)
    with pytest.raises(OperatorError, match=r"1 folders of .* could not be listed") as raised:
        main([str(root), "--out", str(out), "--part-size", "5"])
    assert "goes on from here" in raised.value.remedy
    assert 5 <= len(rows(out)) < 3000
    assert (out / "_summary.json").exists()


@pytest.mark.parametrize("place", ["a file", "/proc/results"])
def test_results_that_cannot_be_written_are_said(few: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(OperatorError, match="cannot be written to: ") as raised:
        main([str(few), "--out", str(tmp_path / place)])
    assert "--out" in raised.value.remedy


def test_a_disk_that_is_full_is_said(few: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the end of the disk."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "scripts.score_folder", str(few), "--out", str(out)]
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (4000, 4000))
    done = subprocess.run(
        command, cwd=ROOT, preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"{out} cannot be written to: File too large." in done.stderr
    assert not list(out.glob("*.parquet"))
    assert main([str(few), "--out", str(out)]) == 0
    assert len(rows(out)) == 3
