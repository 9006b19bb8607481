"""What holds for all components."""

from __future__ import annotations

from pathlib import Path

import pytest
from azure.ai.ml import load_component

from tests.components.job import COMPONENTS

FILES = sorted([*COMPONENTS.glob("*/component.yml"), *COMPONENTS.glob("pipelines/*.yml")])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name + "/" + file.name)
def test_the_sdk_loads_it_and_finds_nothing_wrong(file: Path) -> None:
    component = load_component(file)
    assert component._validate().error_messages == {}
    assert str(component.name).startswith("nsfw_")
    assert component.description


def test_names_are_unique() -> None:
    names = [load_component(file).name for file in FILES]
    assert len(set(names)) == len(names)


def test_what_is_uploaded(code: Path) -> None:
    uploaded = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}
    assert {"score.py", "nsfw_detector/batch/rows.py", "components/score/entry.py"} <= uploaded
    tops = {name.split("/")[0] for name in uploaded}
    assert tops == {"score.py", "swagger3.json", "nsfw_detector", "components"}
    assert sum(path.stat().st_size for path in code.rglob("*")) < 1_000_000
