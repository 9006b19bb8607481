"""What counts as a change of an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.azure.provisioning.environment import environment_digest

YAML = """\
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: cpu
description: scores
build: {path: ., dockerfile_path: Dockerfile}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text(
        "# not other.lock\nFROM base\nARG REQUIREMENTS=cpu.lock\nCOPY ${REQUIREMENTS} /tmp/\n"
    )
    (tmp_path / "cpu.lock").write_text("numpy==1")
    (tmp_path / "other.lock").write_text("torch==1")
    (tmp_path / "u.lock").write_text("a name within a name")
    (tmp_path / "cpu.yml").write_text(YAML)
    return tmp_path / "cpu.yml"


@pytest.mark.parametrize("name", ["cpu.lock", "Dockerfile"])
def test_digest_changes_with_what_the_image_is_built_from(environment: Path, name: str) -> None:
    before = environment_digest(environment)
    file = environment.parent / name
    file.write_text(file.read_text() + "\nRUN true\n")
    assert environment_digest(environment) != before


def test_digest_changes_with_the_routes(environment: Path) -> None:
    before = environment_digest(environment)
    environment.write_text(YAML + "inference_config: {scoring_route: {port: 1, path: /}}\n")
    assert environment_digest(environment) != before


def test_lock_of_another_image_and_words_about_it_do_not_count(environment: Path) -> None:
    before = environment_digest(environment)
    (environment.parent / "other.lock").write_text("torch==2")
    (environment.parent / "u.lock").write_text("changed")
    environment.write_text(YAML.replace("scores", "scores images") + "# comment\n")
    assert environment_digest(environment) == before


def test_digest_of_a_conda_environment_changes_with_its_conda_file(tmp_path: Path) -> None:
    path = tmp_path / "conda-env.yml"
    path.write_text("name: conda\nimage: base\nconda_file: conda.yml\n")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]")
    before = environment_digest(path)
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.12]")
    assert environment_digest(path) != before
