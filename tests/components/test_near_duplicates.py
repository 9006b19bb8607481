from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from components.near_duplicates.chance import Chance
from components.near_duplicates.copies import find_copies, move_distinct
from components.near_duplicates.entry import clusters, near_copies
from components.near_duplicates.whitening import whiten
from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches
from nsfw_detector.batch.read import read_embeddings
from scripts.paths import ROOT, SAMPLES
from tests.components.job import run_command

Vectors = NDArray[np.float32]


def unit(rng: np.random.Generator, *shape: int) -> Vectors:
    vectors = rng.normal(size=shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors


def near(rng: np.random.Generator, vector: Vectors, cosine: float) -> Vectors:
    other = unit(rng, len(vector))
    other -= (other @ vector) * vector
    other /= np.linalg.norm(other)
    return np.asarray(cosine * vector + np.sqrt(1 - cosine**2) * other, dtype=np.float32)


def anisotropic(rng: np.random.Generator, n: int, features: int) -> Vectors:
    """Like a trained model's: one common direction, and two that nearly all differences are in."""
    scales = np.r_[1.0, 1.0, np.full(features - 2, 0.05)]
    vectors = 2.0 + rng.normal(size=(n, features)) * scales
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def test_planted_copies_are_found_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    singles, a, b = unit(rng, 500, 64), unit(rng, 64), unit(rng, 64)
    planted = [a, near(rng, a, 0.999), near(rng, a, 0.995), a, b, near(rng, b, 0.99)]
    apart = [near(rng, b, 0.90)]
    vectors = np.stack([*singles, *planted, *apart])
    keepers, cosines, chance = near_copies(vectors, 0.98)
    table = clusters([f"{i:03}" for i in range(len(vectors))], keepers, cosines).to_pydict()
    assert table["path"] == ["500", "501", "502", "503", "504", "505"]
    assert table["cluster"] == [0, 0, 0, 0, 1, 1]
    assert table["size"] == [4, 4, 4, 4, 2, 2]
    assert table["keep"] == [True, False, False, False, True, False]
    np.testing.assert_allclose(table["similarity"], [1, 0.999, 0.995, 1, 1, 0.99], atol=5e-3)
    assert chance is not None
    assert chance.share < 1e-4


def test_pictures_that_only_share_a_direction_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    vectors = anisotropic(rng, 1000, 64)
    copies = vectors[:20] + 1e-4 * unit(rng, 20, 64)
    alike = np.concatenate([vectors, copies / np.linalg.norm(copies, axis=1, keepdims=True)])
    raw = alike[:1000] @ alike[:1000].T
    assert (raw[np.triu_indices(1000, 1)] > 0.98).mean() > 0.2
    keepers, _, _ = near_copies(alike, 0.98)
    assert keepers.tolist() == [*range(1000), *range(20)]


def test_whitening_takes_away_what_all_share() -> None:
    vectors = anisotropic(np.random.default_rng(0), 2000, 16)
    whiten(vectors, added=0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=0.03)
    spread = np.linalg.eigvalsh(np.cov(vectors.T))  # of what went in, from 1 to 1,000
    assert spread[-1] < 2 * spread[0]


def test_the_same_is_found_in_whatever_order_blocks_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    centres = unit(rng, 50, 16)
    vectors = np.stack([near(rng, centres[i % 50], 0.97) for i in range(400)])
    found = []
    for block in (7, 1024):
        monkeypatch.setattr("components.near_duplicates.copies.BLOCK", block)
        found.append(find_copies(vectors.copy(), 0.95))
    assert found[0][0].tolist() == found[1][0].tolist()
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-6)
    keepers, cosines = found[0]
    kept = np.unique(keepers)
    assert 50 <= len(kept) < 300
    assert (keepers[kept] == kept).all()
    np.testing.assert_allclose((vectors * vectors[keepers]).sum(axis=1), cosines, atol=1e-6)
    assert cosines.min() >= 0.95
    between = (vectors[kept] @ vectors[kept].T)[np.triu_indices(len(kept), 1)]
    assert between.max() < 0.95


def test_exact_copies_are_one_whatever_their_number() -> None:
    vector = unit(np.random.default_rng(0), 1, 8)
    keepers, cosines, chance = near_copies(np.repeat(vector, 15_000, 0), 0.98)
    assert not keepers.any()
    assert (cosines == 1).all()
    assert chance is None
    vectors = np.array([[1], [2], [1], [3], [2]], dtype=np.float32)
    first, number = move_distinct(vectors)
    assert (first.tolist(), number.tolist()) == ([0, 1, 3], [0, 1, 0, 2, 1])
    assert vectors[:3].tolist() == [[1], [2], [3]]


def test_memory_does_not_grow_with_the_pairs_that_are_alike() -> None:
    rng = np.random.default_rng(0)
    vectors = np.ones((8000, 32), dtype=np.float32) + 1e-6 * unit(rng, 8000, 32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tracemalloc.start()
    keepers, _ = find_copies(vectors, 0.98)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not keepers.any()
    assert peak < 10_000_000  # all pairs would take 512 MB


def test_no_images_and_no_copies() -> None:
    rng = np.random.default_rng(0)
    keepers, cosines, _ = near_copies(unit(rng, 0, 8), 0.98)
    assert clusters([], keepers, cosines).num_rows == 0
    keepers, cosines, _ = near_copies(unit(rng, 2, 64), 0.98)
    assert clusters(["a", "b"], keepers, cosines).num_rows == 0


def test_it_warns_where_any_two_images_reach_the_threshold() -> None:
    vectors = anisotropic(np.random.default_rng(0), 2000, 32)
    assert "WARNING" in Chance.of(vectors, 0.9).text()
    assert "WARNING" not in Chance.of(unit(np.random.default_rng(0), 2000, 32), 0.98).text()


def test_the_largest_picture_is_kept_and_unrelated_photos_are_no_copies(
    demo_detector: Detector, code: Path, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    photos = [p for p in SAMPLES.iterdir() if p.suffix in (".jpg", ".png", ".webp")]
    for photo in photos:
        (images / photo.name).write_bytes(photo.read_bytes())
    cat = Image.open(SAMPLES / "cat.jpg")
    cat.resize((cat.width * 2, cat.height * 2)).save(images / "larger.png")
    cat.resize((cat.width // 2, cat.height // 2)).save(images / "a smaller.png")
    MiniBatches(demo_detector, tmp_path / "rows", images, embedding=True).score(
        [str(path) for path in images.iterdir()]
    )
    run_command("near_duplicates", code, rows=tmp_path / "rows", clusters=tmp_path / "rows")
    found = pq.read_table(tmp_path / "rows" / "near_duplicates.parquet").to_pylist()
    assert [row["path"] for row in found] == ["larger.png", "a smaller.png", "cat.jpg"]
    assert [row["keep"] for row in found] == [True, False, False]
    again = run_command("near_duplicates", code, rows=tmp_path / "rows", clusters=tmp_path)
    assert "11 images: 2 are near-copies" in again  # the clusters among the rows are none of them


@pytest.mark.parametrize("threshold", ["98", "nan", "-1.5"])
def test_what_is_no_cosine_is_refused(threshold: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "components.near_duplicates.entry", "--rows", str(tmp_path)]
    command += ["--clusters", str(tmp_path), f"--threshold={threshold}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "is no cosine" in done.stderr


def test_the_component_finds_the_exact_copies(code: Path, embedded: Path, tmp_path: Path) -> None:
    printed = run_command("near_duplicates", code, rows=embedded, clusters=tmp_path)
    images = read_embeddings(embedded)
    assert f"{len(images.paths)} images" in printed
    found = pq.read_table(tmp_path / "near_duplicates.parquet").to_pylist()
    cluster = {row["path"]: row["cluster"] for row in found}
    first: dict[bytes, str] = {}
    copies = 0
    for path, vector in zip(images.paths, images.vectors, strict=True):
        original = first.setdefault(vector.tobytes(), path)
        if original != path:
            copies += 1
            assert cluster[path] == cluster[original]
    assert copies > 3
