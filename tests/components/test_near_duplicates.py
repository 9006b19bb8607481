from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.near_duplicates import entry
from components.near_duplicates.entry import clusters
from nsfw_detector.batch.read import read_embeddings
from tests.components.job import run_command


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.normal(size=shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors


def near(rng: np.random.Generator, vector: np.ndarray, cosine: float) -> np.ndarray:
    other = unit(rng, len(vector))
    other -= (other @ vector) * vector
    other /= np.linalg.norm(other)
    return np.asarray(cosine * vector + np.sqrt(1 - cosine**2) * other, dtype=np.float32)


@pytest.mark.parametrize("exact_up_to", [20_000, 0])
def test_planted_copies_are_found_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, exact_up_to: int
) -> None:
    monkeypatch.setattr(entry, "EXACT_UP_TO", exact_up_to)
    rng = np.random.default_rng(0)
    singles, a, b = unit(rng, 500, 64), unit(rng, 64), unit(rng, 64)
    planted = [a, near(rng, a, 0.995), near(rng, a, 0.99), a, b, near(rng, b, 0.985)]
    apart = [near(rng, b, 0.90)]
    vectors = np.stack([*singles, *planted, *apart])
    paths = [f"{i:03}" for i in range(len(vectors))]
    table = clusters(paths, vectors, 0.98).to_pydict()
    assert table["path"] == ["500", "501", "502", "503", "504", "505"]
    assert table["cluster"] == [0, 0, 0, 0, 1, 1]
    assert table["size"] == [4, 4, 4, 4, 2, 2]
    assert table["keep"] == [True, False, False, False, True, False]
    expected = [1, 0.995, 0.99, 1, 1, 0.985]
    np.testing.assert_allclose(table["similarity"], expected, atol=1e-3)


def test_thousands_of_exact_copies_are_one_cluster() -> None:
    vector = unit(np.random.default_rng(0), 1, 8)
    table = clusters([str(i) for i in range(15_000)], np.repeat(vector, 15_000, 0), 0.98)
    assert set(table["size"].to_pylist()) == {15_000}
    assert sum(table["keep"].to_pylist()) == 1


def test_no_images_and_no_copies() -> None:
    rng = np.random.default_rng(0)
    assert clusters([], unit(rng, 0, 8), 0.98).num_rows == 0
    assert clusters(["a", "b"], unit(rng, 2, 64), 0.98).num_rows == 0


def test_the_component_finds_the_exact_copies(code: Path, embedded: Path, tmp_path: Path) -> None:
    printed = run_command("near_duplicates", code, rows=embedded, clusters=tmp_path)
    paths, vectors = read_embeddings(embedded)
    assert printed.startswith(f"{len(paths)} images")
    found = pq.read_table(tmp_path / "near_duplicates.parquet").to_pylist()
    cluster = {row["path"]: row["cluster"] for row in found}
    first: dict[bytes, str] = {}
    copies = 0
    for path, vector in zip(paths, vectors, strict=True):
        original = first.setdefault(vector.tobytes(), path)
        if original != path:
            copies += 1
            assert cluster[path] == cluster[original]
    assert copies > 3
