"""The environments' files agree with each other, with the code, and with what Azure accepts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import load_environment
from azure.ai.ml._utils._asset_utils import get_ignore_file, get_upload_files_from_folder
from azure.ai.ml.entities import Environment
from azureml_inference_server_http import constants

from nsfw_detector.threads import SERVER_THREADS
from scripts.environment_files import FOLDER, VARIANTS, dockerfile, files
from scripts.paths import ROOT

IMAGES = {"cpu", *VARIANTS}
ONLINE = {"cpu", "gpu"}


def load(name: str) -> Environment:
    return load_environment(FOLDER / f"{name}.yml")


def versions(lock: str) -> dict[str, str]:
    text = (FOLDER / f"{lock}.lock").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert path.read_text() == files()[path], "run `python -m scripts.environment_files`"


def test_a_variant_cannot_set_what_the_dockerfile_does_not_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(VARIANTS, "typo", {"REQUIREMENT": "gpu.lock"})
    with pytest.raises(ValueError, match="ARG REQUIREMENT 0 times"):
        dockerfile("typo")


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_azure_builds_the_image_from_this_folder(name: str) -> None:
    environment = load(name)
    assert environment.name == f"nsfw-image-detector-{name}"
    assert environment.build is not None
    assert Path(str(environment.path)) == FOLDER
    built = (FOLDER / str(environment.build.dockerfile_path)).read_text()
    assert f"ARG REQUIREMENTS={name}.lock\n" in built
    # A job's container is root's; a server's is not.
    assert f"ARG USER_ID={'10001' if name in ONLINE else '0'}\n" in built


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_the_routes_are_those_of_the_server(name: str) -> None:
    config: Any = load(name).inference_config
    if name not in ONLINE:
        assert config is None
        return
    assert {name: (route["port"], route["path"]) for name, route in config.items()} == {
        "livenessRoute": (constants.DEFAULT_PORT, "/"),
        "readinessRoute": (constants.DEFAULT_PORT, "/"),
        "scoringRoute": (constants.DEFAULT_PORT, "/score"),
    }
    assert f"EXPOSE {constants.DEFAULT_PORT}\n" in (FOLDER / "Dockerfile").read_text()


def test_only_what_a_build_needs_goes_up() -> None:
    listed: list[Any] = get_upload_files_from_folder(FOLDER, ignore_file=get_ignore_file(FOLDER))
    uploaded = {target: Path(source) for source, target in listed}
    dockerfiles = {load(name).build.dockerfile_path for name in IMAGES}  # type: ignore[union-attr]
    assert uploaded.keys() == dockerfiles | {f"{name}.lock" for name in IMAGES}
    assert len(uploaded) <= 100  # Azure's limits
    assert sum(path.stat().st_size for path in uploaded.values()) <= 1_000_000


def test_the_server_has_the_threads_that_the_code_counts_on() -> None:
    assert f'GUNICORN_CMD_ARGS="--threads {SERVER_THREADS}"' in (FOLDER / "Dockerfile").read_text()


def test_a_classic_builder_understands_the_dockerfiles() -> None:
    """Azure builds without BuildKit."""
    for path in FOLDER.glob("*Dockerfile"):
        text = path.read_text()
        assert not re.search(r"--mount|--chmod|--link|--platform|<<|# syntax", text), path


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_every_package_has_its_hash(name: str) -> None:
    text = (FOLDER / f"{name}.lock").read_text()
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > 40
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in text  # no address of an index


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_each_image_holds_its_engine_only(name: str) -> None:
    found = {"openvino", "torch"} & versions(name).keys()
    assert found == ({"torch"} if "gpu" in name else {"openvino"})


@pytest.mark.parametrize("name", sorted(IMAGES - {"cpu"}))
def test_all_images_decode_and_judge_with_the_same_versions(name: str) -> None:
    """Except numpy: what Azure's batch endpoints ask for holds it back."""
    for package in ("pillow", "pydantic", "pydantic-settings", "pyyaml", "safetensors"):
        assert versions(name)[package] == versions("cpu")[package]


def test_operators_packages_agree_with_the_servers() -> None:
    """They are installed into one environment: `make azure`."""
    together: dict[str, str] = {}
    for lock in ("cpu", "hub", "azure"):
        for package, version in versions(lock).items():
            assert together.setdefault(package, version) == version, package


def test_the_conda_form_has_the_locks_versions() -> None:
    environment = load("cpu-conda")
    assert str(environment.image).startswith("mcr.microsoft.com/azureml/")
    conda: Any = environment.conda_file
    *_, pip = conda["dependencies"]
    assert dict(pin.split("==") for pin in pip["pip"]) == versions("cpu")
    assert "python=3.11" in conda["dependencies"]


def test_the_locks_hold_all_that_the_package_imports() -> None:
    """pyproject.toml names what the code needs; each engine is an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in IMAGES:
        extra = "gpu" if "gpu" in name else "cpu"
        wanted = [
            *project["dependencies"],
            *project["optional-dependencies"][extra],
            *project["optional-dependencies"]["serve"],
        ]
        for requirement in wanted:
            package = re.match(r"[A-Za-z0-9._-]+", requirement)
            assert package is not None
            assert package.group() in versions(name)
