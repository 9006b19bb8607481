from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq

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
    assert page.count("<svg") == 3
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


def test_names_of_files_are_escaped(code: Path, tmp_path: Path) -> None:
    from PIL import Image

    from nsfw_detector import Detector
    from nsfw_detector.batch import MiniBatches
    from scripts.paths import DEMO

    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (32, 32)).save(images / "<script>alert(1)<'\".png")
    MiniBatches(Detector.load(DEMO), tmp_path / "rows", images).score(
        [str(path) for path in images.iterdir()]
    )
    run_command(
        "summarise", code, rows=tmp_path / "rows", report=tmp_path, images=images, thumbnails=1
    )
    assert "<script" not in (tmp_path / "report.html").read_text()
