from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.azure.workspace import (
    Workspace,
    add_workspace_arguments,
    find_workspace,
    open_workspace,
)
from scripts.errors import OperatorError
from tests.cloud.cloud import Cloud


def parse(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_workspace_arguments(parser)
    return parser.parse_args(flags)


def write_config(path: Path, subscription: str, group: str, workspace: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(
            {
                "subscription_id": subscription,
                "resource_group": group,
                "workspace_name": workspace,
            }
        )
    )


def write_cli(folder: Path, subscription: str = "sub-az") -> None:
    folder.mkdir(parents=True)
    (folder / "config").write_text("[defaults]\ngroup = group-az\nworkspace = ws-az\n")
    profile = {
        "subscriptions": [
            {"id": "another", "isDefault": False},
            {"id": subscription, "isDefault": True},
        ]
    }
    (folder / "azureProfile.json").write_text(json.dumps(profile), encoding="utf-8-sig")


def test_flags_come_before_all_else(tmp_path: Path) -> None:
    write_config(tmp_path / "config.json", "s2", "g2", "w2")
    environment = {"AZURE_SUBSCRIPTION_ID": "s1", "AZURE_CONFIG_DIR": str(tmp_path / "none")}
    found = find_workspace(parse("--subscription", "s", "-g", "g"), environment, tmp_path)
    assert found == Workspace("s", "g", "w2")


def test_environment_comes_before_files(tmp_path: Path) -> None:
    write_config(tmp_path / ".azureml" / "config.json", "s2", "g2", "w2")
    environment = {"AZURE_SUBSCRIPTION_ID": "s1", "AZUREML_ARM_WORKSPACE_NAME": "w1"}
    assert find_workspace(parse(), environment, tmp_path) == Workspace("s1", "g2", "w1")


def test_config_file_is_looked_for_upwards(tmp_path: Path) -> None:
    write_config(tmp_path / ".azureml" / "config.json", "s2", "g2", "w2")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_workspace(parse(), {}, below) == Workspace("s2", "g2", "w2")


def test_defaults_of_the_azure_cli(tmp_path: Path) -> None:
    write_cli(tmp_path / "cli")
    environment = {"AZURE_CONFIG_DIR": str(tmp_path / "cli")}
    found = find_workspace(parse(), environment, tmp_path)
    assert found == Workspace("sub-az", "group-az", "ws-az")
    assert found.arm_id.endswith(
        "/resourceGroups/group-az/providers/Microsoft.MachineLearningServices/workspaces/ws-az"
    )


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    environment = {"AZURE_SUBSCRIPTION_ID": "s1", "AZURE_CONFIG_DIR": str(tmp_path / "none")}
    with pytest.raises(OperatorError, match="No resource group and no workspace") as caught:
        find_workspace(parse(), environment, tmp_path)
    assert "AZURE_RESOURCE_GROUP" in caught.value.remedy


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(OperatorError, match=r"config\.json"):
        find_workspace(parse(), {}, tmp_path)


def test_open_a_workspace(cloud: Cloud) -> None:
    assert open_workspace(cloud.workspace).workspace_name == cloud.workspace.name
    # Who may use an endpoint need not be allowed to look at the workspace.
    cloud.answer_next("GET", f"{cloud.workspace.name}$", 403, "AuthorizationFailed", "No read.")
    assert open_workspace(cloud.workspace).workspace_name == cloud.workspace.name


@pytest.mark.parametrize("field", ["name", "resource_group"])
def test_a_workspace_that_is_not_there(cloud: Cloud, field: str) -> None:
    with pytest.raises(OperatorError, match=r"There is no workspace .*mispelt") as caught:
        open_workspace(replace(cloud.workspace, **{field: "mispelt"}))
    assert "az ml workspace list" in caught.value.remedy
