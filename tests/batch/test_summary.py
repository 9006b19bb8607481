from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from nsfw_detector import Detector
from nsfw_detector.batch.mini_batch import MiniBatches
from nsfw_detector.batch.summary import Summary, Throughput
from scripts.paths import SAMPLES


def test_counts_over_all_parts(demo_detector: Detector, tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    mini_batches = MiniBatches(demo_detector, out)
    mini_batches.score([str(SAMPLES / "cat.jpg"), str(SAMPLES / "demo-high.png"), str(text)])
    mini_batches.score([str(SAMPLES / "demo-low.png"), str(tmp_path / "none")])
    mini_batches.score([str(tmp_path / "none, too")])
    summary = Summary.of_parts(out.iterdir())
    rows = pq.read_table(out).to_pylist()
    assert summary.files == len(rows) == 6
    assert summary.levels == {"neutral": 1, "low": 1, "medium": 0, "high": 1}
    assert summary.decisions == {"allow": 2, "review": 0, "block": 1}
    assert summary.errors == {"image_not_found": 2, "image_format_unsupported": 1}
    assert next(iter(summary.errors)) == "image_not_found"


def test_as_text_and_json(tmp_path: Path) -> None:
    summary = Summary(4000, {"a": 1000, "b": 2000}, {"allow": 3000}, {"image_empty": 1000})
    lines = [line.split() for line in summary.text().splitlines()]
    assert ["files", "4,000"] in lines
    assert ["level", "a", "1,000", "25.00", "%"] in lines
    assert ["b", "2,000", "50.00", "%"] in lines
    assert ["error", "image_empty", "1,000", "25.00", "%"] in lines
    content = json.loads(summary.write(tmp_path, Throughput(40, 30, 10.0)).read_text())
    assert content["levels"] == {"a": 1000, "b": 2000}
    assert content["last_run"] == {
        "files": 40,
        "images": 30,
        "seconds": 10.0,
        "images_per_second": 3.0,
    }
    assert json.loads(summary.write(tmp_path, None).read_text())["last_run"] is None


def test_of_nothing() -> None:
    assert Summary.of_parts([]).files == 0
    assert "files" in Summary.of_parts([]).text()
    assert Throughput(0, 0, 0.0).images_per_second == 0
