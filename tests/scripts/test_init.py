from __future__ import annotations

import subprocess
import sys

import pytest

from scripts.paths import ROOT


def run(missing: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where a package is not installed."""
    code = (
        "import runpy, sys, scripts\n"
        f"sys.modules[{missing!r}] = None\n"
        f"runpy.run_module('scripts.{script}', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("missing", "script"),
    [
        ("tqdm", "invoke"),
        ("packaging", "deploy"),
        ("yaml", "doctor"),
        ("pyarrow", "score_folder"),
        ("torch", "train_demo"),
    ],
)
def test_the_environment_to_use_is_said(missing: str, script: str) -> None:
    done = run(missing, script)
    assert done.returncode == 1
    assert f"This environment has no {missing}" in done.stderr
    assert "make azure" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_code_keeps_its_traceback() -> None:
    done = run("scripts.command", "deploy")
    assert "Traceback" in done.stderr
    assert "make azure" not in done.stderr
