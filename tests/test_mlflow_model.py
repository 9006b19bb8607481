"""The MLflow model's input: every kind of cell and container."""

from __future__ import annotations

import base64
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nsfw_detector.mlflow_model import NsfwDetectorModel, to_source
from scripts.paths import DEMO, ROOT, SAMPLES

HIGH = (SAMPLES / "demo-high.png").read_bytes()
TEXT = base64.b64encode(HIGH).decode()
PIXELS = np.asarray(Image.open(SAMPLES / "demo-high.png").convert("RGB"))


@pytest.fixture(scope="module")
def model() -> NsfwDetectorModel:
    model = NsfwDetectorModel()
    model.load_context(SimpleNamespace(artifacts={"checkpoint": str(DEMO)}))
    return model


@pytest.mark.parametrize(
    "cell",
    [
        TEXT,
        np.str_(TEXT),
        f"data:image/png;base64,{TEXT}",
        "\n".join([TEXT[:76], TEXT[76:]]),
        TEXT.encode(),
        np.bytes_(TEXT.encode()),
        HIGH,
        bytearray(HIGH),
        memoryview(HIGH),
    ],
    ids=lambda cell: type(cell).__name__,
)
def test_every_kind_of_cell_is_the_image(cell: Any) -> None:
    assert to_source(cell) == HIGH


@pytest.mark.parametrize(
    "model_input",
    [
        pd.DataFrame({"image": [TEXT]}),
        pd.DataFrame({"image": [HIGH]}),
        pd.DataFrame({"picture": [TEXT]}),
        pd.DataFrame({"id": [7], "image": [TEXT]}),
        {"image": np.array([TEXT.encode()])},
        {"image": [TEXT]},
        {"image": TEXT},
        np.array([TEXT.encode()]),
        np.array([TEXT], dtype=object),
        [TEXT],
        [HIGH],
        TEXT,
        HIGH,
        PIXELS,
        PIXELS[None],
        [PIXELS],
    ],
    ids=range(16),
)
def test_every_container_holds_the_image(model: NsfwDetectorModel, model_input: Any) -> None:
    (row,) = model.predict(None, model_input).to_dict("records")
    assert (row["level"], row["decision"], row["error_code"]) == ("high", "block", None)


@pytest.mark.parametrize("cell", [None, float("nan"), 7, "", b"", "no image", b"GIF89a\0", {}])
def test_whatever_is_no_image_is_its_rows_error(model: NsfwDetectorModel, cell: Any) -> None:
    table = model.predict(None, pd.DataFrame({"image": [cell, TEXT]}, dtype=object))
    bad, good = table.to_dict("records")
    assert bad["error_code"].startswith("image_")
    assert bad["error_message"]
    assert bad["level"] is None
    assert good["level"] == "high"


def test_array_of_another_type_is_its_rows_error(model: NsfwDetectorModel) -> None:
    (row,) = model.predict(None, PIXELS[None].astype(np.float32)).to_dict("records")
    assert row["error_code"] == "image_unreadable"


def test_several_columns_without_image_are_refused(model: NsfwDetectorModel) -> None:
    with pytest.raises(ValueError, match="`image`"):
        model.predict(None, pd.DataFrame({"a": [TEXT], "b": [TEXT]}))


def test_serving_does_not_need_mlflow() -> None:
    code = "import sys, score; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
