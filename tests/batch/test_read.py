from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nsfw_detector.batch.read import open_rows, read_embeddings
from nsfw_detector.batch.rows import to_table
from nsfw_detector.batch.scoring import FileScore
from nsfw_detector.errors import ImageEmptyError, RowsError
from nsfw_detector.results import Detection, ModelInfo

INFO = ModelInfo("m", "1", "sha256:a", "openvino-fp32", ("neutral", "high"))
SIZE = 8


def table(
    paths: list[str], info: ModelInfo = INFO, size: int | None = SIZE, width: int = 10
) -> pa.Table:
    """Rows whose embeddings follow from their paths; a path `bad...` has an error."""
    scores = [
        FileScore(
            path,
            ImageEmptyError("The image has no bytes.")
            if path.startswith("bad")
            else Detection(
                "neutral",
                "allow",
                {"neutral": 1.0, "high": 0.0},
                {"high": 0.0},
                width,
                10,
                embedding=vector(path) if size else None,
            ),
            1.0,
        )
        for path in paths
    ]
    return to_table(scores, paths, info, size)


def vector(path: str) -> np.ndarray:
    return np.random.default_rng(list(path.encode())).normal(size=SIZE).astype(np.float32)


def write(folder: Path, **parts: pa.Table) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        pq.write_table(part, folder / f"part-{name}.parquet")
    return folder


def test_only_parts_are_rows(tmp_path: Path) -> None:
    write(tmp_path / "2026" / "11", a=table(["a", "b"]))
    write(tmp_path, b=table(["c"]))
    (tmp_path / "report").mkdir()
    pq.write_table(table(["a", "b", "c"]), tmp_path / "report" / "rows.parquet")
    pq.write_table(table(["a", "b", "c"]), tmp_path / "rows.parquet")
    pq.write_table(pa.table({"cluster": [1]}), tmp_path / "near_duplicates.parquet")
    assert sorted(open_rows(tmp_path).to_table()["path"].to_pylist()) == ["a", "b", "c"]
    assert open_rows(tmp_path / "report").count_rows() == 3


def test_a_folder_without_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"cluster": [1]}), tmp_path / "near_duplicates.parquet")
    with pytest.raises(RowsError, match="holds no rows"):
        open_rows(tmp_path)
    write(tmp_path, other=pa.table({"cluster": [1]}))
    with pytest.raises(RowsError, match="are of version none"):
        open_rows(tmp_path)
    (tmp_path / "part-other.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(RowsError, match="cannot be read"):
        open_rows(tmp_path)


def test_parts_of_different_kinds_are_refused(tmp_path: Path) -> None:
    labels = ModelInfo("m", "1", "sha256:a", "openvino-fp32", ("neutral", "low", "high"))
    others = {"no `embedding`": table(["b"], size=None), "labels": table(["b"], labels)}
    for number, (what, other) in enumerate(others.items()):
        folder = write(tmp_path / str(number), a=table(["a"]), b=other)
        with pytest.raises(RowsError, match=rf"(?s)different kinds: part-a.*part-b.*{what}"):
            open_rows(folder)


def test_embeddings_come_in_the_same_order_however_they_lie(tmp_path: Path) -> None:
    names = [f"{i:03}" for i in range(50)]
    large = table(["z", "bad", "y"], width=20)
    one = write(tmp_path / "1", a=table(names), b=large)
    other = write(tmp_path / "2", a=large, b=table(names[::-1][:20]), c=table(names[:30]))
    found = [read_embeddings(folder) for folder in (one, other)]
    assert found[0].paths == found[1].paths == ["y", "z", *names]
    assert (found[0].vectors == found[1].vectors).all()
    for path, unit in zip(found[0].paths, found[0].vectors, strict=True):
        np.testing.assert_allclose(unit, vector(path) / np.linalg.norm(vector(path)), atol=1e-3)
    assert (found[0].digest, found[0].engines) == ("sha256:a", ["openvino-fp32"])


def test_embeddings_of_two_models_are_refused_and_engines_told(tmp_path: Path) -> None:
    engine = ModelInfo("m", "1", "sha256:a", "openvino-bf16", INFO.labels)
    write(tmp_path, a=table(["a"]), b=table(["b"], engine))
    assert read_embeddings(tmp_path).engines == ["openvino-bf16", "openvino-fp32"]
    other = ModelInfo("m", "2", "sha256:b", "openvino-fp32", INFO.labels)
    write(tmp_path, c=table(["c"], other))
    with pytest.raises(RowsError, match="different models \\(sha256:a, sha256:b\\)"):
        read_embeddings(tmp_path)
    with pytest.raises(RowsError, match="have no embeddings"):
        read_embeddings(write(tmp_path / "none", a=table(["a"], size=None)))


def test_of_files_that_could_not_be_scored_there_are_none(tmp_path: Path) -> None:
    found = read_embeddings(write(tmp_path, a=table(["bad"])))
    assert (found.paths, found.vectors.shape, found.digest) == ([], (0, SIZE), "")
