"""The MLflow model: what is written, and that MLflow's own server and loader score with it."""

from __future__ import annotations

import base64
import filecmp
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from nsfw_detector import Detector
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.results import Detection
from scripts.azure.models import facts as model_facts
from scripts.azure.models import folder as model_folder
from scripts.azure.models import mlflow_folder
from scripts.azure.models.mlflow_signature import Flavour
from scripts.errors import OperatorError
from scripts.local_server import Server, free_port
from scripts.paths import DEMO, ROOT, SAMPLES

HIGH = SAMPLES / "demo-high.png"
CAT = SAMPLES / "cat.jpg"


EXACT = {"PRECISION": "fp32", "SCALED_DECODING": "false"}  # as the fixture demo_detector


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in EXACT.items():
        monkeypatch.setenv(name, value)


def save(folder: Path, flavour: Flavour) -> Path:
    checkpoint = Checkpoint.load(DEMO)
    facts = model_facts.gather(checkpoint, str(DEMO), None)
    staged = folder.parent / "checkpoint"
    model_folder.stage(checkpoint, staged, optimised=False)
    mlflow_folder.save(staged, facts, flavour, folder)
    return folder


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("online") / "model", "online")


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("batch") / "model", "batch")


@pytest.fixture(scope="module")
def server(online: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(online)]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    # MLflow looks for uvicorn there.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Server(command, {**os.environ, **EXACT, "PATH": path}, port, health="/health") as running:
        yield running


def b64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def predict(server: Server, body: dict[str, Any]) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        server.url + "/invocations",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        text = answer.read().decode()
    assert "NaN" not in text
    rows: list[dict[str, Any]] = json.loads(text)["predictions"]
    return rows


@pytest.fixture(scope="module")
def expected(demo_detector: Detector) -> Detection:
    (result,) = demo_detector.detect([HIGH])
    assert isinstance(result, Detection)
    return result


def assert_same(row: Any, expected: Detection) -> None:
    assert row["level"] == expected.level
    assert row["decision"] == expected.decision
    for label, score in expected.scores.items():
        assert row[label] == pytest.approx(score, abs=1e-6)
    for label, score in expected.at_least.items():
        assert row[f"at_least_{label}"] == pytest.approx(score, abs=1e-6)
    assert row["error_code"] is None
    assert row["error_message"] is None


FORMS = ("split", "records", "inputs", "instances")


def request(form: str, cells: list[str]) -> dict[str, Any]:
    if form == "split":
        return {"dataframe_split": {"columns": ["image"], "data": [[cell] for cell in cells]}}
    if form == "records":
        return {"dataframe_records": [{"image": cell} for cell in cells]}
    if form == "inputs":
        return {"inputs": {"image": cells}}
    return {"instances": [{"image": cell} for cell in cells]}


@pytest.mark.parametrize("form", FORMS)
def test_server_scores_every_format_as_the_detector_does(
    server: Server, expected: Detection, form: str
) -> None:
    rows = predict(server, request(form, [b64(HIGH), b64(CAT)]))
    assert_same(rows[0], expected)
    assert rows[1]["level"] == "neutral"


@pytest.mark.parametrize("form", FORMS)
def test_bad_image_does_not_fail_its_neighbours(
    server: Server, expected: Detection, form: str
) -> None:
    broken = base64.b64encode(b"this is no image").decode()
    rows = predict(server, request(form, [broken, "not base64!", "", b64(HIGH)]))
    codes = [row["error_code"] for row in rows]
    assert codes == ["image_format_unsupported", "image_not_base64", "image_empty", None]
    assert all(row["level"] is None and row["error_message"] for row in rows[:3])
    assert_same(rows[3], expected)


def test_wrong_column_is_refused_by_name(server: Server) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        predict(server, {"dataframe_records": [{"picture": b64(HIGH)}]})
    assert caught.value.code == 400
    assert "image" in caught.value.read().decode()


@pytest.mark.parametrize("with_index", [True, False])
def test_azure_scoring_script_form(online: Path, expected: Detection, with_index: bool) -> None:
    """Azure's own script reads `input_data` with the library that is used here, too."""
    from inference_schema.parameter_types.pandas_parameter_type import (  # type: ignore[import-untyped]
        PandasParameterType,
    )

    example = json.loads((online / "input_example.json").read_text())
    sample = pd.DataFrame(example["data"], columns=example["columns"])
    parameter = PandasParameterType(sample, enforce_shape=False, orient="split")
    body: dict[str, Any] = {"columns": ["image"], "data": [[b64(HIGH)], ["nothing"]]}
    if with_index:
        body["index"] = [0, 1]
    table = parameter.deserialize_input(body)
    rows = mlflow.pyfunc.load_model(str(online)).predict(table).to_dict("records")
    assert_same(rows[0], expected)
    assert rows[1]["error_code"] is not None


def test_no_code_batch_form(batch: Path, demo_detector: Detector) -> None:
    """Azure's batch driver decodes each file and calls predict with one array per call."""
    model = mlflow.pyfunc.load_model(str(batch))
    for path in (HIGH, CAT):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        (expected,) = demo_detector.detect([pixels])
        assert isinstance(expected, Detection)
        for stack in (pixels[None], np.stack([pixels, pixels])):
            rows = model.predict(stack).to_dict("records")
            assert len(rows) == len(stack)
            for row in rows:
                assert_same(row, expected)


def test_batch_array_of_the_wrong_kind_is_refused_by_the_signature(batch: Path) -> None:
    with pytest.raises(mlflow.exceptions.MlflowException, match="uint8"):
        mlflow.pyfunc.load_model(str(batch)).predict(np.zeros((1, 8, 8, 3), dtype=np.float32))


def test_same_checkpoint_gives_the_same_bytes(online: Path, tmp_path: Path) -> None:
    again = save(tmp_path / "elsewhere", "online")
    assert model_folder.content_sha256(online) == model_folder.content_sha256(again)
    assert not filecmp.dircmp(online, again).diff_files


def test_flavours_are_different_models(online: Path, batch: Path) -> None:
    assert model_folder.content_sha256(online) != model_folder.content_sha256(batch)


def test_holds_nothing_of_this_machine(online: Path) -> None:
    written = [p for p in online.iterdir() if p.is_file()]
    assert {"LICENSE", "MLmodel", "conda.yaml", "requirements.txt"} <= {p.name for p in written}
    for path in written:
        assert str(ROOT) not in path.read_text()
        assert str(online.parent) not in path.read_text()
    assert not list(online.rglob("*.pyc"))


def test_requirements_are_pinned_to_the_serving_lock(online: Path) -> None:
    lines = (online / "requirements.txt").read_text().split()
    assert all("==" in line and "--hash" not in line for line in lines)
    lock = (ROOT / "environment" / "cpu.lock").read_text()
    ours = [line for line in lines if not line.startswith(("mlflow==", "pandas=="))]
    assert {line.split("==")[0] for line in ours} >= {"numpy", "openvino", "pillow", "safetensors"}
    assert all(f"{line} " in lock for line in ours)
    assert not any("inference-server" in line or "torch" in line for line in lines)
    conda = yaml.safe_load((online / "conda.yaml").read_text())["dependencies"]
    assert next(d["pip"] for d in conda if isinstance(d, dict)) == lines


def test_verify_runs_the_packed_code(online: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    shutil.copytree(online, broken)
    mlflow_folder.verify(broken)
    (broken / "code" / "nsfw_detector" / "levels.py").unlink()
    with pytest.raises(OperatorError, match="levels"):
        mlflow_folder.verify(broken)
