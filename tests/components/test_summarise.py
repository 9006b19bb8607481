from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from PIL import Image

from components.summarise.entry import sum_up
from components.summarise.thresholds import Thresholds
from components.summarise.thumbnails import Thumbnail, blurred_thumbnails
from nsfw_detector import Detector, Policy
from nsfw_detector.batch import FileScore, MiniBatches
from nsfw_detector.batch.parts import write_part
from nsfw_detector.batch.read import open_rows
from nsfw_detector.batch.rows import to_table
from nsfw_detector.errors import ImageEmptyError
from nsfw_detector.results import ModelInfo
from scripts.paths import SAMPLES
from tests.batch.videos import write_video
from tests.components.job import run_command


def test_table_counts_and_report(code: Path, embedded: Path, tmp_path: Path) -> None:
    printed = run_command("summarise", code, rows=embedded, report=tmp_path)
    rows = ds.dataset(embedded).to_table().drop_columns("embedding")  # where NaN is not NaN
    merged = pq.read_table(tmp_path / "rows.parquet")
    assert merged.schema.names == [*rows.schema.names, "embedding"]
    merged = merged.drop_columns("embedding")
    assert merged.sort_by("path").equals(rows.sort_by("path"))
    summary = json.loads((tmp_path / "_summary.json").read_text())
    assert summary["files"] == rows.num_rows
    for column in ("level", "decision"):
        counts = Counter(value for value in rows[column].to_pylist() if value)
        assert {k: v for k, v in summary[f"{column}s"].items() if v} == counts
    errors = Counter(code for code in rows["error_code"].to_pylist() if code)
    assert summary["errors"] == errors
    page = (tmp_path / "report.html").read_text()
    assert "demo checkpoint" in page
    assert page.count("<svg") == 1
    assert "up to 0.1 above" in page
    assert "another policy" not in page
    assert len(summary["models"]) == 1
    assert summary["models"][0]["digest"] in page
    assert summary["last_run"]["images_per_second"] > 0
    assert "images/s on all nodes" in page
    assert "throughput: " in printed
    assert "<img" not in page
    assert not re.search(r"(src|href)=.(http|//)|url\((http|//)", page)
    assert all(name in page for name in errors)
    assert f"{rows.num_rows:,}" in printed


def test_thumbnails_only_when_asked_for_and_blurred(
    code: Path, images: Path, embedded: Path, tmp_path: Path
) -> None:
    run_command("summarise", code, rows=embedded, report=tmp_path, images=images, thumbnails=5)
    page = (tmp_path / "report.html").read_text()
    assert 1 <= page.count("<img") <= 5
    assert "Most severe images" in page
    longest = max(map(len, re.findall(r'src="data:([^"]*)"', page)))
    assert longest < 6000


def test_names_of_files_are_escaped(demo_detector: Detector, code: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (32, 32)).save(images / "<script>alert(1)<'\".png")
    MiniBatches(demo_detector, tmp_path / "rows", images).score(
        [str(path) for path in images.iterdir()]
    )
    run_command(
        "summarise", code, rows=tmp_path / "rows", report=tmp_path, images=images, thumbnails=1
    )
    assert "<script" not in (tmp_path / "report.html").read_text()


def rows_of(detector: Detector, folder: Path, files: list[Path], root: Path) -> Path:
    MiniBatches(detector, folder, root).score([str(file) for file in files])
    return folder


def pixels(thumbnail: Thumbnail) -> np.ndarray:
    data = base64.b64decode(thumbnail.data_url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def test_a_report_among_the_rows_is_no_rows(
    demo_detector: Detector, code: Path, tmp_path: Path
) -> None:
    rows = rows_of(demo_detector, tmp_path / "rows", [SAMPLES / "cat.jpg"], SAMPLES)
    for _ in range(2):
        run_command("summarise", code, rows=rows, report=rows / "report")
        run_command("summarise", code, rows=rows, report=rows)
        assert json.loads((rows / "_summary.json").read_text())["files"] == 1
    alone = tmp_path / "alone"
    alone.mkdir()
    (rows / "rows.parquet").rename(alone / "rows.parquet")
    run_command("summarise", code, rows=alone, report=alone)  # reads what it replaces
    assert pq.read_table(alone / "rows.parquet").num_rows == 1
    assert not list(tmp_path.rglob("*.tmp"))


def test_thumbnails_show_the_frame_that_was_judged(demo_detector: Detector, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    harmless, bad = Image.new("RGB", (112, 112), "white"), Image.open(SAMPLES / "demo-high.png")
    frames = [harmless, bad.convert("RGB").resize((112, 112))]
    frames[0].save(
        images / "animated.webp", save_all=True, append_images=frames[1:], lossless=True, duration=9
    )
    write_video(
        images / "film.mp4", [SAMPLES / "cat.jpg", SAMPLES / "demo-high.png"], size=(224, 224)
    )
    name = os.fsencode(images) + b"/h\xff.png"
    bad.save(os.fsdecode(name))
    files = [images / "animated.webp", images / "film.mp4", Path(os.fsdecode(name))]
    rows = open_rows(rows_of(demo_detector, tmp_path / "rows", files, images))
    judged = {row["path"]: row for row in rows.to_table().to_pylist()}
    assert judged["animated.webp"]["frame"] == 1
    assert judged["film.mp4"]["seconds"] > 0
    made = {each.path: pixels(each) for each in blurred_thumbnails(rows, images, 3)}
    assert made.keys() == {"animated.webp", "film.mp4", "bytes://h%FF.png"}
    wanted = made["bytes://h%FF.png"].mean(axis=(0, 1))
    for path in ("animated.webp", "film.mp4"):
        np.testing.assert_allclose(made[path].mean(axis=(0, 1)), wanted, atol=12)


def test_what_cannot_be_shown_makes_way_for_the_next(
    demo_detector: Detector, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("demo-high.png", "demo-medium.png", "cat.jpg"):
        shutil.copy(SAMPLES / name, images / name)
    rows = open_rows(rows_of(demo_detector, tmp_path / "rows", list(images.iterdir()), images))
    (images / "demo-high.png").unlink()
    assert [each.path for each in blurred_thumbnails(rows, images, 1)] == ["demo-medium.png"]


def test_thresholds_are_shown_only_of_the_policy_that_decided(
    demo_detector: Detector, code: Path, tmp_path: Path
) -> None:
    rows = rows_of(demo_detector, tmp_path / "rows", sorted(SAMPLES.glob("*.*")), SAMPLES)
    policies = {
        "review: {low: 0.5}": "another policy",
        "review: {other: 0.5}": "another policy",
        "review: {medium: 0.3}\nblock: {high: 0.7}": "at least medium: 0.3",
    }
    for text, shown in policies.items():
        (tmp_path / "policy.yml").write_text(text)
        run_command("summarise", code, rows=rows, report=tmp_path, policy=tmp_path / "policy.yml")
        assert shown in (tmp_path / "report.html").read_text(), text


def test_all_models_are_named_and_only_the_demo_checkpoint_means_nothing(tmp_path: Path) -> None:
    for number, name in enumerate(("demonstrator", "<b>")):
        info = ModelInfo(name, "1", f"sha256:{number}", "openvino-fp32", ("neutral", "high"))
        scores = [FileScore("a", ImageEmptyError("Empty."), 1.0)]
        write_part(tmp_path, f"part-{number}.parquet", to_table(scores, ["a"], info))
    report, _, _ = sum_up(open_rows(tmp_path), Policy.load(), None, 0)
    page = report.html()
    assert "demonstrator 1" in page
    assert "&lt;b&gt; 1" in page
    assert "mean nothing" not in page


def test_images_near_thresholds_are_counted() -> None:
    policy = Policy.parse({"review": {"high": 0.3}, "block": {"high": 0.7}})
    thresholds = Thresholds(policy, ["neutral", "high"])
    values = [0.25, 0.299, 0.3, 0.65, 0.75, 0.95]
    batch = {
        "level": ["neutral"] * 3 + ["high"] * 3 + [None],
        "decision": ["allow", "allow", "review", "review", "block", "block", None],
        "at_least_high": pa.array([*values, None], pa.float32()),
    }
    thresholds.add(pa.RecordBatch.from_pydict(batch))
    assert thresholds.decided
    assert list(thresholds.near.values()) == [(0, 0), (2, 1), (1, 1)]
    batch["decision"][0] = "block"
    thresholds.add(pa.RecordBatch.from_pydict(batch))
    assert not thresholds.decided
