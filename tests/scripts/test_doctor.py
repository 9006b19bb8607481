"""The doctor as a person calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import doctor
from scripts.paths import ROOT
from tests.cloud.cloud import Cloud
from tests.scripts.azure.checks.files import changed

CPU = "deployments/online-cpu"


def test_all_of_this_repository(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main([]) == 0
    printed = capsys.readouterr().out
    for folder in ("deployments", "endpoints", "compute"):
        for path in (ROOT / folder).glob("*.yml"):
            assert path.name in printed
    assert printed.endswith("\nNothing to mend.\n")


def test_errors_come_last_and_say_how_to_mend_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(tmp_path, CPU, {"instance_count": 0, "environment_variables.THREAD": "1"})
    assert doctor.main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    marks = [line.split()[0] for line in lines if line.startswith(("ok", "warn", "ERROR"))]
    assert marks == sorted(marks, key=("ok", "warn", "ERROR").index)
    assert marks.count("ERROR") == 2
    first = next(i for i, line in enumerate(lines) if "instance_count is 0" in line)
    assert "why:" in lines[first + 1]
    assert "how: Allowed: 1 to 50." in lines[first + 2]
    assert lines[-1] == "To mend: 2. Worth a thought: 0."


def test_a_warning_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = changed(tmp_path, CPU, {"environment_variables.WORKER_COUNT": "2"})
    assert doctor.main([str(path)]) == 0
    assert capsys.readouterr().out.endswith("To mend: 0. Worth a thought: 1.\n")


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = changed(tmp_path, "endpoints/batch", {"auth_mode": "key"})
    assert doctor.main([str(path), "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding["severity"] == "error"
    assert set(finding) == {"severity", "what", "why", "how"}


@pytest.mark.parametrize("content", [None, "]["])
def test_a_file_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    path = tmp_path / "x.yml"
    if content is not None:
        path.write_text(content)
    assert doctor.main([str(path)]) == 1
    assert "cannot be checked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("environment/cpu.yml", "environment"),
        ("components/score/component.yml", "parallelComponent"),
    ],
)
def test_a_file_of_another_kind(capsys: pytest.CaptureFixture[str], file: str, kind: str) -> None:
    assert doctor.main([str(ROOT / file)]) == 1
    assert f"it is of the kind {kind}" in capsys.readouterr().out


def test_online_passes_by_what_cannot_be_read(
    cloud: Cloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.yml"
    path.write_text("][")
    assert doctor.main(["--online", str(path), "compute/batch-cpu.yml"]) == 1
    printed = capsys.readouterr().out
    assert "broken.yml cannot be checked" in printed
    assert "16 cores of standardDDSv4Family: 1000 are left" in printed


def test_online(cloud: Cloud) -> None:
    command = [
        sys.executable,
        "-m",
        "scripts.doctor",
        "--online",
        f"{CPU}.yml",
        "--endpoint",
        "new",
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=cloud.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert f"Signed in to {cloud.workspace.name}" in done.stdout
    assert "endpoint new does not exist yet" in done.stdout
    assert "python -m scripts.register_model" in done.stdout
    assert "Traceback" not in done.stderr


def test_online_without_a_workspace(tmp_path: Path) -> None:
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "scripts.doctor", "--online", str(ROOT / f"{CPU}.yml")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "AZURE_SUBSCRIPTION_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_has_examples() -> None:
    command = [sys.executable, "-m", "scripts.doctor", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "python -m scripts.doctor --online deployments/online-cpu.yml" in done.stdout
