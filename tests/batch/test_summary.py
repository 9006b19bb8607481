from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from nsfw_detector import Detector
from nsfw_detector.batch.mini_batch import MiniBatches
from nsfw_detector.batch.parts import write_part
from nsfw_detector.batch.rows import to_table
from nsfw_detector.batch.scoring import FileScore
from nsfw_detector.batch.summary import Judge, Summary, Throughput
from nsfw_detector.errors import ImageEmptyError
from nsfw_detector.results import ModelInfo
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


def test_throughput_is_of_what_came_after_the_first_part(
    demo_detector: Detector, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    mini_batches = MiniBatches(demo_detector, out)
    groups = [["cat.jpg", "gravel.jpg"], ["coffee.jpg", "none"], ["galaxies.jpg"]]
    written: dict[Path, float] = {}
    for second, names in zip((100.0, 104.0, 110.0), groups, strict=True):
        mini_batches.score([str(SAMPLES / name) for name in names])
        (new,) = set(out.iterdir()) - set(written)
        written[new] = second
    summary = Summary.of_parts(written)
    assert Throughput.of_parts(written, summary) == Throughput(files=3, images=2, seconds=10.0)
    assert Throughput(3, 2, 10.0).text() == "throughput: 0.20 images/s (3 files in 10.0 s)"
    assert Throughput.of_parts(dict.fromkeys(written, 100.0), summary) is None
    opened = {part.name: when for part, when in written.items()}
    by_name = Summary.of_parts(opened, lambda name: (out / name).open("rb"))
    assert by_name == summary
    assert Throughput.of_parts({}, Summary.of_parts([])) is None


def test_every_model_that_judged_is_named(tmp_path: Path) -> None:
    for number, (digest, paths) in enumerate({"sha256:a": ["a"], "sha256:b": ["b", "c"]}.items()):
        info = ModelInfo("m", "1", digest, "openvino-bf16", ("neutral", "high"))
        scores = [FileScore(path, ImageEmptyError("Empty."), 1.0) for path in paths]
        write_part(tmp_path, f"part-{number}.parquet", to_table(scores, paths, info))
    summary = Summary.of_parts(tmp_path.iterdir())
    assert summary.models == (
        Judge("m", "1", "sha256:b", "openvino-bf16", 2),
        Judge("m", "1", "sha256:a", "openvino-bf16", 1),
    )
    content = json.loads(summary.write(tmp_path, None).read_text())
    assert [model["files"] for model in content["models"]] == [2, 1]
    assert summary.images == 0


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
