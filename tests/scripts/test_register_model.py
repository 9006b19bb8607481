"""Registering a model: run as a person runs it, with the real SDK."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nsfw_detector import Detector
from nsfw_detector.checkpoint import Checkpoint
from scripts.azure.models.card import DEMO_WARNING
from scripts.azure.models.facts import DEMO_NAME, gather
from scripts.azure.models.registry import versions
from scripts.azure.workspace import connect, connect_registry
from scripts.paths import DEMO, ROOT
from tests.cloud.cloud import Cloud

WEIGHTS_PUT = r"LocalUpload/.*/model\.safetensors"
VERSION_PUT = r"/models/nsfw-image-detector/versions/"


def register(cloud: Cloud, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=cloud.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "scripts.register_model", *map(str, arguments)]


def succeed(cloud: Cloud, *arguments: str | Path) -> str:
    done = register(cloud, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def models(cloud: Cloud, name: str = "nsfw-image-detector") -> list[Any]:
    return sorted(versions(connect(cloud.workspace), name), key=lambda model: int(model.version))


def puts(cloud: Cloud, path: str) -> int:
    import re

    return sum(
        sent.method == "PUT" and re.search(path, sent.host + sent.path) is not None
        for sent in cloud.requests
    )


@pytest.fixture
def own(tiny: Path, tmp_path: Path) -> Path:
    """A checkpoint that is not the demo, in a folder that a test may change."""
    return Path(shutil.copytree(tiny, tmp_path / "own"))


def write_optimised(folder: Path, sha256: str, speedup: float = 1.5) -> None:
    manifest = {
        "checkpoint_sha256": sha256,
        "openvino": "0.0",
        "instruction_set": "none",
        "engine": "int8",
        "images": 300,
        "speedup": speedup,
        "largest_drift": 0.01,
        "decision_changes": 0,
        "decision_changes_bound": 0.01,
    }
    (folder / "optimised").mkdir(exist_ok=True)
    (folder / "optimised" / "manifest.json").write_text(json.dumps(manifest))
    (folder / "optimised" / "report.png").write_bytes(b"a picture of figures")


def test_demo_arrives_as_a_model_that_can_be_served(cloud: Cloud, tmp_path: Path) -> None:
    out = succeed(cloud, DEMO, "--metric", "accuracy=0.967")
    assert "azureml:nsfw-image-detector:1" in out
    assert DEMO_WARNING in out

    (model,) = models(cloud)
    checkpoint = Checkpoint.load(DEMO)
    assert model.type == "custom_model"
    assert model.description.startswith("DEMO CHECKPOINT, NEVER A MODERATOR")
    assert model.tags["demo"] == model.properties["demo"] == "true"
    assert model.tags["metric.accuracy"] == "0.967"
    assert model.properties["sha256"] == checkpoint.sha256
    assert model.properties["labels"] == "neutral,low,medium,high"
    assert model.properties["licence"] == "mit"
    assert model.properties["input_size"] == "112x112"

    connect(cloud.workspace).models.download("nsfw-image-detector", "1", str(tmp_path))
    arrived = (
        tmp_path / "nsfw-image-detector"
    )  # the SDK adds the name; below it is what Azure mounts
    card = next(arrived.rglob("MODEL_CARD.md")).read_text()
    assert DEMO_WARNING in card
    assert checkpoint.sha256 in card
    assert "| accuracy | 0.967 |" in card
    names = {path.name for path in arrived.rglob("*") if path.is_file()}
    assert names == {"config.json", "model.safetensors", "MODEL_CARD.md"}
    detector = Detector.load(arrived)
    assert detector.info.digest == f"sha256:{checkpoint.sha256}"
    detector.close()


def test_same_content_is_registered_once(cloud: Cloud, own: Path) -> None:
    succeed(cloud, own)
    uploads = puts(cloud, WEIGHTS_PUT)
    moved = own.rename(own.with_name("elsewhere"))
    out = succeed(cloud, moved)
    assert "Already registered, nothing uploaded: azureml:nsfw-image-detector:1" in out
    assert len(models(cloud)) == 1
    assert puts(cloud, WEIGHTS_PUT) == uploads


def test_an_archived_version_is_restored(cloud: Cloud, own: Path) -> None:
    succeed(cloud, own)
    connect(cloud.workspace).models.archive("nsfw-image-detector", "1")
    assert models(cloud) == []
    planned = succeed(cloud, own, "--dry-run")
    assert "Would restore azureml:nsfw-image-detector:1" in planned
    out = succeed(cloud, own, "--metric", "recall=0.9")
    assert "archived; restored, nothing uploaded: azureml:nsfw-image-detector:1" in out
    (model,) = models(cloud)
    assert (model.version, model.tags["metric.recall"]) == ("1", "0.9")


def test_metrics_are_added_to_the_version_that_exists(cloud: Cloud, own: Path) -> None:
    succeed(cloud, own, "--metric", "recall=0.9")
    succeed(cloud, own, "--metric", "recall=0.95", "--metric", "fpr=0.01")
    (model,) = models(cloud)
    assert model.tags["metric.recall"] == "0.95"
    assert model.tags["metric.fpr"] == "0.01"


def test_new_optimised_engine_makes_a_new_version(cloud: Cloud, own: Path) -> None:
    succeed(cloud, own)
    sha256 = Checkpoint.load(own).sha256
    write_optimised(own, sha256)
    out = succeed(cloud, own)
    assert "not tried here" in out  # it is of another CPU
    (own / "optimised" / "report.png").write_bytes(b"another picture")
    succeed(cloud, own)
    plain, optimised = models(cloud)
    assert plain.properties["optimised_engine"] == "none"
    assert optimised.properties["optimised_engine"] == "int8"
    assert optimised.properties["sha256"] == plain.properties["sha256"] == sha256


def test_optimised_engine_of_other_weights_is_left_out(cloud: Cloud, own: Path) -> None:
    write_optimised(own, "0" * 64)
    succeed(cloud, own)
    (model,) = models(cloud)
    assert model.properties["optimised_engine"] == "none"
    assert not any("optimised" in sent.path for sent in cloud.requests)


def test_damaged_checkpoint_is_refused_before_azure_is_asked(cloud: Cloud, own: Path) -> None:
    weights = own / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    done = register(cloud, own)
    assert done.returncode == 1
    assert "model.safetensors" in done.stderr
    assert "Traceback" not in done.stderr
    assert not cloud.requests


def test_dry_run_changes_nothing(cloud: Cloud, own: Path) -> None:
    assert "Would upload" in succeed(cloud, own, "--dry-run")
    assert {sent.method for sent in cloud.requests if "management" in sent.host} <= {"GET"}
    succeed(cloud, own)
    assert "already registered" in succeed(cloud, own, "--dry-run")
    assert len(models(cloud)) == 1


def test_demo_never_becomes_the_latest_of_a_model_that_moderates(cloud: Cloud, own: Path) -> None:
    succeed(cloud, own)
    done = register(cloud, DEMO)
    assert done.returncode == 1
    assert "--name" in done.stderr
    assert len(models(cloud)) == 1
    succeed(cloud, DEMO, "--name", "nsfw-demo")
    assert len(models(cloud, "nsfw-demo")) == 1


def test_registry(cloud: Cloud, own: Path) -> None:
    flags = ("--registry", cloud.registry)
    assert f"nsfw-image-detector:1 in registry {cloud.registry}" in succeed(cloud, own, *flags)
    again = succeed(cloud, own, *flags, "--metric", "recall=0.9")
    assert "Already registered, nothing uploaded: azureml:nsfw-image-detector:1" in again
    write_optimised(own, Checkpoint.load(own).sha256)
    assert "nsfw-image-detector:2" in succeed(cloud, own, *flags)
    client = connect_registry(cloud.registry, cloud.workspace)
    first = client.models.get("nsfw-image-detector", version="1")
    assert first.tags["metric.recall"] == "0.9"
    assert first.properties["sha256"] == Checkpoint.load(own).sha256
    assert not models(cloud)  # none in the workspace


def test_mlflow_format(cloud: Cloud, own: Path) -> None:
    for _ in range(2):
        succeed(cloud, own, "--format", "mlflow")
    succeed(cloud, own, "--format", "mlflow", "--flavour", "batch")
    succeed(cloud, own, "--format", "mlflow", "--flavour", "spark")
    for name in ("mlflow", "mlflow-batch", "mlflow-spark"):
        (model,) = models(cloud, f"nsfw-image-detector-{name}")
        assert model.type == "mlflow_model"
    assert any(sent.path.endswith("MLmodel") for sent in cloud.requests)


@pytest.mark.parametrize("path", [WEIGHTS_PUT, r"MODEL_CARD\.md", VERSION_PUT])
def test_killed_run_is_finished_by_the_next(cloud: Cloud, own: Path, path: str) -> None:
    """Killed while it sends the weights, the first file, or the version itself."""
    kill_when(cloud, path, command(own))
    out = succeed(cloud, own)
    assert "azureml:nsfw-image-detector:1" in out
    (model,) = models(cloud)
    client = connect(cloud.workspace)
    client.models.download("nsfw-image-detector", "1", str(own.parent / "arrived"))
    assert (
        Checkpoint.load(next((own.parent / "arrived").iterdir())).sha256
        == (model.properties["sha256"])
    )


def kill_when(cloud: Cloud, path: str, arguments: Sequence[str]) -> None:
    """Start a script and kill it as soon as it has sent such a request."""
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=cloud.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not puts(cloud, path):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()


def test_upload_that_broke_off_before_its_first_file(cloud: Cloud, own: Path) -> None:
    """The SDK knows its own uploads by their first file, and refuses to overwrite any without."""
    succeed(cloud, own)
    storage = cloud.state.storage
    located = storage.locate(models(cloud)[0].path)
    assert located is not None
    container, path = located
    storage._client(container).delete_blob(f"{path}/MODEL_CARD.md")
    cloud.state.store.remove(f"{cloud.workspace.arm_id}/models/nsfw-image-detector")
    assert "Registered: azureml:nsfw-image-detector:1" in succeed(cloud, own)
    assert len(storage.files(models(cloud)[0].path)) == 3


def test_version_taken_by_another_at_the_same_moment(cloud: Cloud, own: Path) -> None:
    cloud.answer_next("PUT", VERSION_PUT, 400, "UserError", "Asset paths cannot be updated.")
    assert "azureml:nsfw-image-detector:1" in succeed(cloud, own)
    cloud.answer_next("PUT", VERSION_PUT, 409, "Conflict", "The version exists.")
    write_optimised(own, Checkpoint.load(own).sha256)
    assert "azureml:nsfw-image-detector:2" in succeed(cloud, own)


def test_refusal_is_told_in_plain_words(cloud: Cloud, own: Path) -> None:
    cloud.answer_next("GET", "/models/", 403, "AuthorizationFailed", "no action", times=9)
    done = register(cloud, own)
    assert done.returncode == 1
    assert "AzureML Data Scientist" in done.stderr
    assert "Traceback" not in done.stderr


def test_source_is_known_by_the_digest(own: Path) -> None:
    checkpoint = Checkpoint.load(own)
    assert gather(checkpoint, str(own), None).source == "folder own"
    revision = "0123456789" * 4
    facts = gather(checkpoint, f"someone/model@{revision}", None)
    assert (facts.source, facts.revision) == ("someone/model", revision)


def test_demo_is_recognised() -> None:
    assert Checkpoint.load(DEMO).config.model_name == DEMO_NAME
