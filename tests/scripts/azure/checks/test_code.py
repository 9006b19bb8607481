"""The code that would go up, in folders that have something wrong with them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.azure.checks.code import check_code
from scripts.azure.checks.document import Document
from scripts.azure.findings import Finding
from scripts.local_server import free_port, server_command, server_environment
from scripts.paths import DEMO, ROOT
from tests.scripts.azure.checks.files import changed

IGNORE = "*\n!/score.py\n!/nsfw_detector/**/*.py\n!/policy.yml\n"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A small copy of what is deployed."""
    code = tmp_path / "code"
    (code / "nsfw_detector").mkdir(parents=True)
    (code / "nsfw_detector" / "__init__.py").write_text("")
    (code / "score.py").write_text("from nsfw_detector import Detector\n")
    (code / ".amlignore").write_text(IGNORE)
    return code


def check(code: Path, **variables: str) -> list[Finding]:
    changes = {"code_configuration.code": str(code)}
    changes |= {f"environment_variables.{name}": value for name, value in variables.items()}
    document = Document.read(changed(code.parent, "deployments/online-cpu", changes))
    return [finding for finding in check_code(document) if finding.severity != "ok"]


def test_nothing_wrong(code: Path) -> None:
    assert check(code) == []


@pytest.mark.parametrize(
    ("ignore", "missing"),
    [
        ("*\n!/nsfw_detector/**/*.py\n", "score.py"),
        ("*\n!/score.py\n", "nsfw_detector/__init__.py"),
        ("*.py\n", "score.py"),
    ],
)
@pytest.mark.parametrize("name", [".amlignore", ".gitignore"])
def test_ignored_code(code: Path, name: str, ignore: str, missing: str) -> None:
    (code / ".amlignore").unlink()
    (code / name).write_text(ignore)
    assert f"{missing} would not be uploaded" in check(code)[0].what


def test_a_script_of_its_own_needs_no_package(code: Path) -> None:
    (code / "score.py").write_text("def init(): ...\n")
    (code / ".amlignore").write_text("*\n!/score.py\n")
    assert check(code) == []


@pytest.mark.parametrize("name", ["config.json", "logging.json"])
def test_what_the_server_would_take_for_its_own(code: Path, name: str) -> None:
    (code / name).write_text("{}")
    (finding,) = check(code)
    assert (finding.severity, f"{name} lies beside score.py" in finding.what) == ("warning", True)
    (code / ".amlignore").write_text(f"{IGNORE}!/{name}\n")
    (finding,) = check(code)
    assert finding.severity == "error"
    assert f"{name} would be uploaded beside score.py" in finding.what


def test_the_real_server_does_take_config_json(code: Path) -> None:
    """The reason for the check, with the server that Azure runs."""
    (code / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    (code / "config.json").write_text("[]")
    ended = subprocess.run(
        server_command(free_port(), str(code / "score.py")),
        cwd=ROOT,
        env=server_environment(DEMO),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "config" in ended.stdout + ended.stderr


def test_weights_among_the_code(code: Path) -> None:
    (code / "model.safetensors").write_bytes(b"")
    (code / ".amlignore").unlink()
    (finding,) = check(code)
    assert finding.severity == "warning"
    assert "model.safetensors" in finding.what


def test_too_much(code: Path) -> None:
    with (code / "photos.zip").open("wb") as file:
        file.truncate(101 * 2**20)
    assert check(code) == []
    (code / ".amlignore").unlink()
    (finding,) = check(code)
    assert finding.what.endswith("101 MB of code would be uploaded")
    assert "photos.zip" in finding.why


def test_policy(code: Path) -> None:
    policy = code / "policy.yml"
    policy.write_text("block: {high: 0.7}\n")
    assert check(code, POLICY_FILE="policy.yml") == []
    policy.write_text("block: {high: 7}\n")
    assert "POLICY_FILE policy.yml: " in check(code, POLICY_FILE="policy.yml")[0].what
    (code / ".amlignore").write_text(IGNORE.replace("!/policy.yml", ""))
    (finding,) = check(code, POLICY_FILE="policy.yml")
    assert finding.severity == "error"
    assert "!/policy.yml" in finding.how
