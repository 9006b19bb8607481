"""Model folders, verified as score.py does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import openvino as ov
import pytest

from nsfw_detector.checkpoint import Checkpoint
from scripts.azure.checks.document import Document
from scripts.azure.checks.locks import locked_version
from scripts.azure.checks.model import check_model
from scripts.azure.findings import Finding
from scripts.paths import DEMO
from tests.scripts.azure.checks.files import changed


@pytest.fixture
def model(tmp_path: Path) -> Path:
    shutil.copytree(DEMO, tmp_path / "model")
    return tmp_path / "model"


def check(model: Path, **variables: str) -> list[Finding]:
    changes: dict[str, Any] = {"model": {"path": "model"}}
    changes |= {f"environment_variables.{name}": value for name, value in variables.items()}
    return list(
        check_model(Document.read(changed(model.parent, "deployments/online-cpu", changes)))
    )


def test_a_sound_folder(model: Path) -> None:
    (finding,) = check(model)
    assert finding.severity == "ok"
    assert Checkpoint.load(model).sha256 in finding.what


def test_damaged_weights(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    (finding,) = check(model)
    assert finding.severity == "error"


def test_other_weights_than_the_deployment_asks_for(model: Path) -> None:
    (finding,) = check(model, CHECKPOINT_SHA256="0" * 64)
    assert finding.severity == "error"
    assert "SHA-256" in finding.what


@pytest.mark.parametrize("name", [".amlignore", ".gitignore"])
def test_ignored_weights(model: Path, name: str) -> None:
    (model / name).write_text("*.safetensors\n")
    assert [f.what for f in check(model) if f.severity == "error"] == [
        f"{model.parent / 'online-cpu.yml'}: model.path: model.safetensors would not be uploaded"
    ]


def test_too_many_files(model: Path) -> None:
    for number in range(1500):
        (model / f"{number}.txt").touch()
    assert any("1503 files" in f.what for f in check(model) if f.severity == "error")


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({}, "ok", "optimised engine int8 is used on CPUs"),
        ({"checkpoint_sha256": "0" * 64}, "warning", "other weights"),
        ({"openvino": "2020.1.0"}, "warning", "OpenVINO 2020.1.0"),
        ({"engine": "int3"}, "warning", "is not valid: 1 problems"),
    ],
)
def test_the_optimised_engine(
    model: Path, changes: dict[str, str], severity: str, words: str
) -> None:
    assert locked_version("openvino", "cpu.lock") in ov.get_version()
    manifest = {
        "checkpoint_sha256": Checkpoint.load(model).sha256,
        "openvino": ov.get_version(),
        "instruction_set": "avx512_vnni",
        "engine": "int8",
        "images": 200,
        "speedup": 2.0,
        "largest_drift": 0.01,
        "decision_changes": 0,
        "decision_changes_bound": 0.018,
        **changes,
    }
    (model / "optimised").mkdir()
    (model / "optimised" / "manifest.json").write_text(json.dumps(manifest))
    finding = check(model)[-1]
    assert finding.severity == severity
    assert words in finding.what
