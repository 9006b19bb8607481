"""Build contexts and locks, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.azure.checks import locks
from scripts.azure.checks.document import Document
from scripts.azure.checks.environment import check_environment
from scripts.azure.findings import Finding
from scripts.paths import ROOT
from tests.scripts.azure.checks.files import changed

SOURCES = sorted((ROOT / "environment").glob("*.in"))
CONTEXT = {
    "cpu.yml": "name: nsfw-image-detector-cpu\nbuild: {path: ., dockerfile_path: Dockerfile}\n",
    "Dockerfile": "FROM python:3.11-slim\nARG REQUIREMENTS=cpu.lock\n",
    "base.in": "# all\npyyaml\n",
    "cpu.in": "-r base.in\nopenvino>=2026.0  # engine\nserver[extra]==1.5.1\n",
    "cpu.lock": "openvino==2026.4.1 \\\n    --hash=sha256:0\nPyYAML==6.0.3\nserver==1.5.1\n",
    ".amlignore": "*\n!/Dockerfile\n!/cpu.lock\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment folder in the place of the repository's."""
    folder = tmp_path / "environment"
    folder.mkdir()
    for name, content in CONTEXT.items():
        (folder / name).write_text(content)
    monkeypatch.setattr(locks, "ENVIRONMENT", folder)
    return folder


def check(folder: Path) -> list[Finding]:
    path = changed(folder.parent, "deployments/online-cpu", {})
    return list(check_environment(Document.read(path)))


def errors(folder: Path) -> list[str]:
    return [f.what.partition(": ")[2] for f in check(folder) if f.severity == "error"]


def test_nothing_wrong(folder: Path) -> None:
    (finding,) = check(folder)
    assert finding.severity == "ok"
    assert "cpu.lock gives all that cpu.in asks for" in finding.what


def test_no_such_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "ENVIRONMENT", folder / "nowhere")
    assert check(folder) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cpu.in", "-r base.in\nopenvino>=2027\n", "openvino is 2026.4.1, asked for is >=2027"),
        ("cpu.in", "-r base.in\npandas\n", "pandas is missing"),
        ("base.in", "pyyaml<6\n", "pyyaml is 6.0.3, asked for is <6"),
        (".amlignore", "*\n!/Dockerfile\n", "cpu.lock, from which the image is built, would not"),
        (".amlignore", "*\n!/cpu.lock\n", "Dockerfile of cpu.yml would not be uploaded"),
        ("Dockerfile", "ARG REQUIREMENTS=gpu.lock\n", "gpu.lock, from which the image is built"),
        ("cpu.lock", "openvino==2026.4.1\n# " + "x" * 2**20, "1,048,6"),
    ],
)
def test_what_is_wrong(folder: Path, name: str, content: str, words: str) -> None:
    (folder / name).write_text(content)
    assert any(words in error for error in errors(folder)), errors(folder)


def test_too_many_files(folder: Path) -> None:
    (folder / ".amlignore").unlink()
    for number in range(100):
        (folder / f"{number}.txt").touch()
    assert any("has 105 files" in error for error in errors(folder))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_locks_of_this_repository(source: Path) -> None:
    lock = source.with_suffix(".lock")
    if lock.is_file():
        assert locks.drift(source, lock) == []
