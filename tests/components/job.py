"""Runs a component of this repository as Azure ML would: its code as it is uploaded, its command
line with the paths filled in."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from azure.ai.ml import load_component
from azure.ai.ml.entities import CommandComponent, ParallelComponent

from scripts.azure.checks.upload import uploaded_files
from scripts.paths import ROOT
from tests.batch.parallel_run import Job, run_job

COMPONENTS = ROOT / "components"


def upload(target: Path) -> Path:
    """Copy to `target` what the SDK would upload as the components' code."""
    for name in uploaded_files(ROOT):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((ROOT / name).read_bytes())
    return target


def fill_in(text: str, values: Mapping[str, object]) -> list[str]:
    """Replace each `${{inputs.x}}` or `${{outputs.x}}` and split the command line.

    What is between `$[[` and `]]` stays only where all its values are given.
    """
    text = re.sub(
        r"\$\[\[(.*?)\]\]",
        lambda m: m[1] if all(n in values for n in re.findall(r"s\.(\w+)\}\}", m[1])) else "",
        text,
    )
    return [
        re.sub(r"\$\{\{(?:inputs|outputs)\.(\w+)\}\}", lambda m: str(values[m[1]]), word)
        for word in shlex.split(text)
    ]


def run_command(name: str, code: Path, **values: object) -> str:
    """Run a command component; gives what it printed.

    Args:
        name: Folder of the component.
        code: From `upload`.
        values: Inputs and outputs; inputs with a default may be missing.
    """
    component = load_component(COMPONENTS / name / "component.yml")
    assert isinstance(component, CommandComponent)
    defaults = {
        key: entry["default"]
        for key, entry in component.inputs.items()
        if entry.get("default") is not None
    }
    program, *arguments = fill_in(str(component.command), {**defaults, **values})
    assert program == "python"
    done = subprocess.run(
        [sys.executable, *arguments], cwd=code, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_parallel(name: str, code: Path, *, kill_share: float = 0.0, **values: Path) -> Job:
    """Run a parallel component over the files below its input `images`."""
    component = load_component(COMPONENTS / name / "component.yml")
    assert isinstance(component, ParallelComponent)
    task = component.task
    assert task is not None
    files = sorted(path for path in values["images"].rglob("*") if path.is_file())
    return run_job(
        files,
        {"PRECISION": "fp32"},
        code=code,
        entry_script=str(task.entry_script),
        arguments=fill_in(str(task.program_arguments), values),
        mini_batch_size=int(component.mini_batch_size),
        kill_share=kill_share,
    )
