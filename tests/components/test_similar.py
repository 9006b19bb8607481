from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.similar.entry import matches, search
from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches
from nsfw_detector.errors import RowsError
from scripts.paths import DEMO, ROOT
from tests.components.job import run_command


def test_the_nearest_come_first() -> None:
    angles = np.deg2rad([0, 10, 40, 90]).astype(np.float32)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    table = matches((["q"], vectors[:1]), (["a", "b", "c", "d"], vectors), k=3)
    assert table["path"].to_pylist() == ["a", "b", "c"]
    assert table["rank"].to_pylist() == [1, 2, 3]
    np.testing.assert_allclose(table["similarity"], np.cos(angles[:3]), rtol=1e-6)


def test_more_are_asked_for_than_there_are() -> None:
    vectors = np.eye(2, dtype=np.float32)
    table = matches((["q", "r"], vectors), (["a", "b"], vectors), k=10)
    assert table["query"].to_pylist() == ["q", "q", "r", "r"]


def test_the_component_finds_an_image_itself(
    code: Path, images: Path, embedded: Path, tmp_path: Path
) -> None:
    rows = pq.read_table(embedded, columns=["path", "format", "frames"]).to_pylist()
    known = next(r["path"] for r in rows if r["format"] == "PNG" and r["frames"] == 1)
    queries = tmp_path / "queries"
    queries.mkdir()
    shutil.copy(images / known, queries / "query")
    (queries / "notes.txt").write_text("no image")
    run_command(
        "similar", code, queries=queries, rows=embedded, model=DEMO, matches=tmp_path / "m", k=3
    )
    found = pq.read_table(tmp_path / "m" / "similar.parquet").to_pylist()
    assert [row["rank"] for row in found] == [1, 2, 3]
    assert found[0]["similarity"] > 0.999
    assert known in [row["path"] for row in found if row["similarity"] > 0.999]


def test_rows_of_another_model_are_refused(images: Path, embedded: Path, tmp_path: Path) -> None:
    table = pq.read_table(sorted(embedded.glob("part-*"))[0])
    other = table.column("model_digest").to_pylist()
    place = table.schema.get_field_index("model_digest")
    table = table.set_column(place, table.schema.field(place), [["sha256:other"] * len(other)])
    pq.write_table(table, tmp_path / "part-0.parquet")
    with pytest.raises(RowsError, match="digest sha256:other; that of"):
        search(images, tmp_path, DEMO, 3)


def test_rows_of_rubbish_only_are_refused(demo_detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    rows = tmp_path / "rows"
    MiniBatches(demo_detector, rows, embedding=True).score([str(tmp_path / "bad.jpg")])
    with pytest.raises(RowsError, match="no file of theirs was scored"):
        search(tmp_path, rows, DEMO, 3)


def test_no_matches_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "components.similar.entry", "--k", "0", "--model", str(DEMO)]
    for name in ("queries", "rows", "matches"):
        command += [f"--{name}", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no whole number from 1 on" in done.stderr
