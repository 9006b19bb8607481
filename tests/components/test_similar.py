from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from components.similar.entry import matches
from scripts.paths import DEMO
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
