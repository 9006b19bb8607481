"""Whether a deployment whose file describes its model and image counts as the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts.azure.deployment.file import fingerprint, read_deployment
from scripts.paths import DEMO
from tests.scripts.azure_workspace import write_deployment


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    shutil.copytree(DEMO, folder / "model" / "demo")
    (folder / "model" / ".amlignore").write_text("*\n!/demo/*\nnotes.md\n")
    (folder / "context").mkdir()
    (folder / "context" / "Dockerfile").write_text("FROM a\n")
    (folder / "conda.yml").write_text("name: a\n")
    return folder


def mark(folder: Path, model: dict[str, Any], environment: dict[str, Any]) -> str:
    file = write_deployment(folder, model=model, environment=environment)
    return fingerprint(read_deployment(file))


NAMED = {"name": "nsfw", "path": "model"}
BUILT = {"name": "serving", "build": {"path": "context"}}


@pytest.mark.parametrize("model", [NAMED, {"path": "model"}])
@pytest.mark.parametrize(
    "environment",
    [BUILT, {"build": {"path": "context"}}, {"image": "a:1", "conda_file": "conda.yml"}],
)
def test_the_same_files_are_the_same_deployment(
    files: Path, tmp_path: Path, model: dict[str, Any], environment: dict[str, Any]
) -> None:
    marked = mark(files, model, environment)
    assert mark(files, model, environment) == marked
    shutil.copytree(files, tmp_path / "elsewhere")  # another checkout, as in CI
    assert mark(tmp_path / "elsewhere", model, environment) == marked
    (files / "model" / "demo" / "notes.md").write_text("which does not go up")
    assert mark(files, model, environment) == marked


@pytest.mark.parametrize("model", [NAMED, {"path": "model"}])
def test_other_weights_are_another_deployment(files: Path, model: dict[str, Any]) -> None:
    marked = mark(files, model, BUILT)
    weights = files / "model" / "demo" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert mark(files, model, BUILT) != marked


@pytest.mark.parametrize("environment", [BUILT, {"build": {"path": "context"}}])
def test_another_dockerfile_is_another_deployment(files: Path, environment: dict[str, Any]) -> None:
    marked = mark(files, NAMED, environment)
    (files / "context" / "Dockerfile").write_text("FROM b\n")
    assert mark(files, NAMED, environment) != marked


def test_another_conda_file_is_another_deployment(files: Path) -> None:
    environment = {"image": "a:1", "conda_file": "conda.yml"}
    marked = mark(files, NAMED, environment)
    (files / "conda.yml").write_text("name: b\n")
    assert mark(files, NAMED, environment) != marked


def test_another_name_is_another_deployment(files: Path) -> None:
    assert mark(files, NAMED, BUILT) != mark(files, {**NAMED, "name": "other"}, BUILT)
