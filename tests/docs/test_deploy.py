"""docs/deploy.md: its steps are taken, in a stand-in for Azure, and print what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from azure.ai.ml import load_online_deployment

from benchmarks.update_readme import part
from scripts.azure.checks.hardware import SIZES, quota_cores
from scripts.azure.deployment.diagnosis import SAID_BY_AZURE, SAID_BY_THE_CONTAINER
from scripts.azure.workspace import connect
from scripts.paths import DEMO, ROOT
from tests.cloud.arm.authorization import assignment
from tests.cloud.cloud import Cloud
from tests.docs.blocks import Page, check_command, check_link, check_shown, shown_commands

PAGE = Page.read("deploy.md")
ENDPOINT = "contoso-moderation"
# A command without output shown is run elsewhere, or needs Azure.
STEPS = shown_commands(PAGE)


def grant_roles(cloud: Cloud) -> None:
    """Give the endpoint's identity what Azure gives a system-assigned one."""
    client = connect(cloud.workspace)
    principal = str(client.online_endpoints.get(ENDPOINT).identity.principal_id)
    workspace = client.workspaces.get(cloud.workspace.name)
    cloud.state.role_assignments += [
        assignment("AcrPull", principal, workspace.container_registry),
        assignment("Storage Blob Data Reader", principal, workspace.storage_account),
    ]


def take(cloud: Cloud, model: Path, command: str) -> str:
    """Run a command of the page as a person would; gives what it prints."""
    if "--to green" in command:
        command = command.rstrip() + " --minutes-per-step 0 --max-slowdown 20\n"  # a busy machine
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = cloud.environment({"PATH": path, "MODEL": str(model), "ENDPOINT": ENDPOINT})
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    output = done.stdout.replace(str(model), "models/demo")
    assert done.returncode == 0, output
    return output


def test_the_steps(cloud: Cloud, tmp_path: Path) -> None:
    model = tmp_path / "demo"
    shutil.copytree(DEMO, model, ignore=shutil.ignore_patterns("optimised"))
    assert len(STEPS) == 10
    for command, shown in STEPS:
        check_shown(shown, take(cloud, model, command))
        if "scripts.provision" in command:
            grant_roles(cloud)


@pytest.mark.parametrize("command", PAGE.commands)
def test_commands_are_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_command(command, monkeypatch)


def test_the_files_are_there() -> None:
    assert [file for file in PAGE.files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("link", PAGE.links)
def test_links_lead_somewhere(link: str) -> None:
    check_link(ROOT / "docs" / "deploy.md", link)


def test_the_table_of_quota() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", part(PAGE.text, "quota"), re.MULTILINE)
    header = re.findall(r"\| (\d+) (?=\|)", part(PAGE.text, "quota").splitlines()[0])
    for size, cells in rows:
        family = SIZES[size.lower()]
        expected = [family.sizes[size.lower()], *(quota_cores(size, int(n)) for n in header)]
        assert [int(c) for c in cells.split("|") if c.strip().isdigit()] == expected
    contents = [yaml.safe_load(file.read_text()) for file in (ROOT / "deployments").glob("*.yml")]
    used = {content["instance_type"] for content in contents if "instance_type" in content}
    assert used
    assert used <= {size for size, _ in rows}


def test_the_causes_are_those_of_the_code() -> None:
    for cause in (*SAID_BY_THE_CONTAINER, *SAID_BY_AZURE):
        assert cause.name in " ".join(PAGE.text.split()), cause.name


def test_the_yaml_of_mlflow_is_a_deployment(tmp_path: Path) -> None:
    (block,) = [block for block in PAGE.of("yaml") if "mlflow" in block]
    (tmp_path / "mlflow.yml").write_text(block)
    deployment = load_online_deployment(tmp_path / "mlflow.yml")
    assert deployment.model == "nsfw-image-detector-mlflow@latest"
    assert deployment.code_configuration is None


def test_the_workflow_is_yaml() -> None:
    (block,) = [block for block in PAGE.of("yaml") if "runs-on" in block]
    steps = yaml.safe_load(block)["jobs"]["rollout"]["steps"]
    assert all("run" in step or "uses" in step for step in steps)
