"""What tells one state of a deployment's file and code from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.azure.deployment.file import fingerprint, read_deployment
from tests.scripts.azure_workspace import write_deployment

RULES = "*\n!/score.py\n!/nsfw_detector/**/*.py\n"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    for name in ("score.py", "nsfw_detector/images/decode.py", "notes.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("before")
    (folder / ".amlignore").write_text(RULES)
    return folder


def marked(code: Path) -> str:
    configuration = {"code": str(code), "scoring_script": "score.py"}
    file = write_deployment(code.parent, code_configuration=configuration)
    return fingerprint(read_deployment(file))


@pytest.mark.parametrize("name", ["score.py", "nsfw_detector/images/decode.py"])
def test_other_code_is_another_deployment(code: Path, name: str) -> None:
    before = marked(code)
    (code / name).write_text("after")
    assert marked(code) != before
    (code / name).write_text("before")
    assert marked(code) == before


def test_a_new_module_is_another_deployment(code: Path) -> None:
    before = marked(code)
    (code / "nsfw_detector" / "new.py").write_text("")
    assert marked(code) != before


def test_what_does_not_go_up_makes_no_difference(code: Path) -> None:
    before = marked(code)
    (code / "notes.md").write_text("after")
    assert marked(code) == before
