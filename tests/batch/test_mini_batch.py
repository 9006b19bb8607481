from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches, scoring
from nsfw_detector.batch.rows import LABELS_KEY, SCHEMA_VERSION, VERSION_KEY, schema
from nsfw_detector.errors import StorageError
from nsfw_detector.results import Detection
from scripts.paths import DEMO, SAMPLES


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "2026" / "ü b").mkdir(parents=True)
    shutil.copy(SAMPLES / "demo-high.png", folder / "2026" / "ü b" / "x.png")
    shutil.copy(SAMPLES / "cat.jpg", folder / "x.png")
    (folder / "2026" / "bad.jpg").write_bytes(b"no image")
    return folder


def files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def test_one_part_with_one_row_for_each_file(
    demo_detector: Detector, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    lines = MiniBatches(demo_detector, out, images).score(files(images))
    (part,) = out.iterdir()
    table = pq.read_table(part)
    assert table.schema.equals(schema(demo_detector.info.labels), check_metadata=True)
    assert table.schema.metadata[VERSION_KEY] == SCHEMA_VERSION.encode()
    assert json.loads(table.schema.metadata[LABELS_KEY]) == list(demo_detector.info.labels)
    rows = {row["path"]: row for row in table.to_pylist()}
    assert list(rows) == ["2026/bad.jpg", "2026/ü b/x.png", "x.png"]
    high = rows["2026/ü b/x.png"]
    (expected,) = demo_detector.detect([SAMPLES / "demo-high.png"])
    assert isinstance(expected, Detection)
    assert high["level"] == "high"
    assert high["decision"] == expected.decision
    assert high["high"] == pytest.approx(expected.scores["high"], abs=1e-6)
    assert high["at_least_low"] == pytest.approx(expected.at_least["low"], abs=1e-6)
    assert (high["width"], high["height"]) == (expected.width, expected.height)
    assert (high["format"], high["frames"], high["frame"]) == ("PNG", 1, 0)
    assert rows["x.png"]["format"] == "JPEG"
    assert high["error_code"] is None
    assert high["model_digest"] == demo_detector.info.digest
    assert "demo" in high["model_name"]
    bad = rows["2026/bad.jpg"]
    assert bad["error_code"] == "image_format_unsupported"
    assert bad["error_message"]
    assert bad["level"] is None
    assert bad["high"] is None
    returned = [json.loads(line) for line in lines]
    assert [row["path"] for row in returned] == list(rows)
    assert returned[1]["level"] == "high"


def test_a_second_try_overwrites(demo_detector: Detector, images: Path, tmp_path: Path) -> None:
    mini_batches = MiniBatches(demo_detector, tmp_path / "out", images)
    mini_batches.score(files(images))
    mini_batches.score(files(images)[::-1])
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_of_storage_that_fails_for_most_nothing_is_written(
    demo_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in /proc gives EIO here: the memory of this process, from address 0."""
    monkeypatch.setattr(scoring, "PAUSES", (0.0, 0.0))
    good, bad = str(SAMPLES / "cat.jpg"), "/proc/self/mem"
    mini_batches = MiniBatches(demo_detector, tmp_path / "out")
    for files_ in ([bad], [good, bad, bad]):
        with pytest.raises(StorageError, match="could not be fetched") as raised:
            mini_batches.score(files_)
        assert "/proc" not in raised.value.message
    assert not (tmp_path / "out").exists()
    mini_batches.score([good, bad])
    (part,) = (tmp_path / "out").iterdir()
    codes = pq.read_table(part)["error_code"].to_pylist()
    assert codes == [None, "image_unavailable"]


def test_embeddings_are_float16_and_nan_where_there_is_none(
    demo_detector: Detector, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    MiniBatches(demo_detector, out, images, embedding=True).score(files(images))
    column = pq.read_table(next(out.iterdir())).column("embedding")
    assert column.type.list_size == demo_detector.embedding_size
    assert column.type.value_type == pa.float16()
    bad, high, _ = column.to_pylist()
    assert np.isnan(bad).all()
    (expected,) = demo_detector.detect([SAMPLES / "demo-high.png"], embedding=True)
    assert isinstance(expected, Detection)
    assert expected.embedding is not None
    np.testing.assert_array_equal(np.array(high), expected.embedding.astype(np.float16))


def test_layers_leave_the_rows_as_they_are(
    demo_detector: Detector, images: Path, tmp_path: Path
) -> None:
    settings = demo_detector.settings.model_copy(update={"embedding_layers": (0, 2)})
    detector = Detector.load(DEMO, settings)
    tables = []
    for name, scorer in (("without", demo_detector), ("with", detector)):
        MiniBatches(scorer, tmp_path / name, images, embedding=True).score(files(images))
        table = pq.read_table(next((tmp_path / name).iterdir()))
        tables.append(table.drop_columns(["milliseconds", "embedding"]))
        tables.append(np.array(table.column("embedding").to_pylist()))
    detector.close()
    assert tables[0].equals(tables[2])
    np.testing.assert_array_equal(tables[1], tables[3])


def test_parts_of_unreadable_files_have_the_same_schema(
    demo_detector: Detector, images: Path, tmp_path: Path
) -> None:
    mini_batches = MiniBatches(demo_detector, tmp_path / "out", images, embedding=True)
    for file in files(images):
        mini_batches.score([file])
    tables = [pq.read_table(part) for part in (tmp_path / "out").iterdir()]
    assert len(tables) == 3
    assert pa.concat_tables(tables).num_rows == 3


def test_the_log_names_no_file(
    demo_detector: Detector, images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        MiniBatches(demo_detector, None, images).score(files(images))
    assert "3 files, 1 with errors" in caplog.text
    assert "bad" not in caplog.text
    assert "x.png" not in caplog.text
