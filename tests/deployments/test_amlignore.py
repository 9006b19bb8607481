"""What the real SDK uploads of this repository as the code of a deployment."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.azure.checks.upload import uploaded_files
from scripts.paths import DEMO, ROOT

DATA = {"score.py", "swagger3.json", "nsfw_detector/py.typed", "nsfw_detector/default_policy.yml"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository's files as they stand, to add to."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("samples/", "benchmarks/")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _code() -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for package in ("nsfw_detector", "components")
        for path in (ROOT / package).rglob("*.py")
        if "__pycache__" not in path.parts
    }


def test_exactly_what_scores_is_uploaded() -> None:
    assert set(uploaded_files(ROOT)) == _code() | DATA


def test_all_data_of_the_package_is_uploaded() -> None:
    data = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nsfw_detector").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert data <= set(uploaded_files(ROOT))


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "logging.json",
        ".env",
        ".azureml/config.json",
        "model.safetensors",
        "nsfw_detector/model.safetensors",
        "nsfw_detector/config.json",
        "nsfw_detector/__pycache__/detector.cpython-311.pyc",
        "notes/score.py",
        "scripts/nsfw_detector/detector.py",
        ".venv/lib/python3.11/site-packages/numpy/__init__.py",
        "out/photo.jpg",
    ],
)
def test_nothing_else_goes_along(clone: Path, name: str) -> None:
    before = set(uploaded_files(clone))
    (clone / name).parent.mkdir(parents=True, exist_ok=True)
    (clone / name).write_bytes(b"{}")
    assert set(uploaded_files(clone)) == before == _code() | DATA


def test_new_modules_travel(clone: Path) -> None:
    name = "nsfw_detector/images/deeper/new.py"
    (clone / name).parent.mkdir(parents=True)
    (clone / name).write_text("")
    assert name in uploaded_files(clone)


def test_a_snapshot_alone_has_all_that_scoring_imports(clone: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot"
    for name in uploaded_files(clone):
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clone / name, snapshot / name)
    code = "import score; score.init(); print(score.run(['samples/cat.jpg'])[0])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {code}"],
        cwd=snapshot,
        env={"AZUREML_MODEL_DIR": str(DEMO), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "image_not_found" in done.stdout  # the photos stayed at home
