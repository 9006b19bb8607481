"""The MLflow model on a real local Spark: rows as the detector's own, and what workers hold."""

from __future__ import annotations

import gc
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches
from nsfw_detector.batch.rows import schema
from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.results import Detection
from scripts.azure.models import facts as model_facts
from scripts.azure.models import folder as model_folder
from scripts.azure.models import mlflow_folder
from scripts.paths import DEMO, ROOT, SAMPLES

pytest.importorskip("pyspark", reason="pyspark is not installed")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java, which is not installed", allow_module_level=True)

import mlflow
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import struct

BATCH = 4
ENVIRONMENT = {"PRECISION": "fp32", "SCALED_DECODING": "false", "THREADS": "1"}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    builder = SparkSession.builder.master("local[2]").appName("test")
    for name, value in {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.driver.memory": "1g",
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH),
    }.items():
        builder = builder.config(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spark") / "model"
    checkpoint = Checkpoint.load(DEMO)
    staged = folder.parent / "checkpoint"
    model_folder.stage(checkpoint, staged, optimised=False)
    facts = model_facts.gather(checkpoint, str(DEMO), None)
    mlflow_folder.save(staged, facts, "spark", folder)
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, and among them files that are no images."""
    folder = tmp_path_factory.mktemp("images")
    for sample in SAMPLES.iterdir():
        if sample.suffix in {".jpg", ".png", ".webp"}:
            shutil.copy(sample, folder)
    (folder / "cut off.jpg").write_bytes((SAMPLES / "cat.jpg").read_bytes()[:300])
    (folder / "text.png").write_bytes(b"this is no image")
    (folder / "empty.jpg").touch()
    return folder


@pytest.fixture(scope="session")
def files(spark: SparkSession, images: Path) -> DataFrame:
    return spark.read.format("binaryFile").load(str(images)).repartition(4)


@pytest.fixture(scope="session")
def grade(spark: SparkSession, model: Path) -> Any:
    return mlflow.pyfunc.spark_udf(spark, str(model), extra_env=ENVIRONMENT)


def flatten(graded: DataFrame) -> list[dict[str, Any]]:
    table = graded.select("path", "graded.detection.*", "graded.error.*", "graded.run.*")
    return sorted((row.asDict() for row in table.collect()), key=lambda row: str(row["path"]))


def assert_right(rows: list[dict[str, Any]], paths: list[Path], detector: Detector) -> None:
    assert [Path(row["path"].removeprefix("file:")) for row in rows] == paths
    for row, result in zip(rows, detector.detect(paths), strict=True):
        if isinstance(result, Detection):
            assert row["error_code"] is None
            assert row["error_message"] is None
            for name in ("level", "decision", "width", "height", "format", "frames", "frame"):
                assert row[name] == getattr(result, name)
            for label, value in result.scores.items():
                assert row[label] == pytest.approx(value, abs=2e-6)
            for label, value in result.at_least.items():
                assert row[f"at_least_{label}"] == pytest.approx(value, abs=2e-6)
        else:
            assert row["error_code"] == result.code
            # As in a batch job, which reads videos and says so.
            assert row["error_message"].startswith(result.message)
            assert row["level"] is row["decision"] is row["neutral"] is row["width"] is None
        assert row["model_digest"] == detector.info.digest
        assert row["engine"] == detector.info.engine
        assert row["milliseconds"] > 0


def test_bytes_are_graded_as_the_detector_does(
    files: DataFrame, grade: Any, images: Path, demo_detector: Detector
) -> None:
    rows = flatten(files.select("path", grade("content").alias("graded")))
    # Spark itself lists no empty files: docs/spark.md warns of it.
    listed = sorted(path for path in images.iterdir() if path.stat().st_size > 0)
    assert_right(rows, listed, demo_detector)


def test_paths_are_graded_as_the_detector_does(
    spark: SparkSession, grade: Any, images: Path, demo_detector: Detector
) -> None:
    paths = sorted(images.iterdir())
    table = spark.createDataFrame([(str(path),) for path in paths], "path string")
    rows = flatten(table.select("path", grade(struct("path")).alias("graded")))
    assert_right(rows, paths, demo_detector)


def test_rows_without_image_have_an_error(spark: SparkSession, grade: Any, images: Path) -> None:
    cat = str(images / "cat.jpg")
    rows = [
        ("null", None, None),
        ("both", (images / "demo-high.png").read_bytes(), cat),
        ("path", None, cat),
        ("missing", None, str(images / "missing.jpg")),
        ("folder", None, str(images)),
        ("url", None, "abfss://images@account.dfs.core.windows.net/cat.jpg"),
        ("zero", None, "a\0b"),
        ("blank", None, ""),
    ]
    table = spark.createDataFrame(rows, "name string, image binary, path string").coalesce(1)
    graded = table.select("name", grade(struct("image", "path")).alias("g")).collect()
    codes = {row.name: row.g.error.error_code for row in graded}
    assert codes == {
        "null": "image_empty",
        "both": None,
        "path": None,
        **dict.fromkeys(("missing", "folder", "url", "zero", "blank"), "image_not_found"),
    }
    levels = {row.name: row.g.detection.level for row in graded if row.g.detection.level}
    assert levels == {"both": "high", "path": "neutral"}
    assert "URL" in next(row.g.error.error_message for row in graded if row.name == "url")


@pytest.fixture(scope="session")
def examples() -> tuple[str, str, str, str]:
    """Of docs/spark.md: to score, to read, the code for pandas, and what that prints."""
    text = (ROOT / "docs" / "spark.md").read_text(encoding="utf-8")
    score, read, pandas = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (output,) = re.findall(r"^```text\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return score, read, pandas, output


def test_example_writes_the_table(
    spark: SparkSession,
    model: Path,
    images: Path,
    tmp_path: Path,
    examples: tuple[str, str, str, str],
) -> None:
    places = {"MODEL": model, "IMAGES": images, "RESULTS": tmp_path / "results"}
    code = examples[0]
    for name, place in places.items():
        code, n = re.subn(rf"^{name} = .*$", f"{name} = {str(place)!r}", code, flags=re.MULTILINE)
        assert n == 1
    batch = spark.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch")
    names: dict[str, Any] = {"spark": spark}
    exec(code, names)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(batch))

    written = pq.read_table(places["RESULTS"])
    kinds = {field.name: field.type for field in schema(Checkpoint.load(DEMO).config.label_names)}
    assert {field.name: field.type for field in written.schema} == kinds
    listed = sum(path.stat().st_size > 0 for path in images.iterdir())
    assert written.num_rows == listed
    assert runs_of_the_model(names["table"]) == 1
    assert runs_of_the_model(names["table"].where("decision = 'block'")) == 2  # as the text warns


@pytest.mark.parametrize("embedding", [False, True])
def test_it_reads_the_table_of_a_batch_job(
    spark: SparkSession,
    images: Path,
    demo_detector: Detector,
    tmp_path: Path,
    examples: tuple[str, str, str, str],
    embedding: bool,
) -> None:
    files = sorted(map(str, images.iterdir()))
    mini_batches = MiniBatches(demo_detector, tmp_path, images, embedding=embedding)
    mini_batches.score(files[:4])
    mini_batches.score(files[4:])
    expected = pq.read_table(tmp_path).sort_by("path")
    if not embedding:
        table = spark.read.parquet(str(tmp_path))
        assert table.columns == expected.column_names
        assert table.count() == len(files)
        assert [row.asDict() for row in table.sort("path").collect()] == expected.to_pylist()
        return
    code, n = re.subn(r"^TABLE = .*$", f"TABLE = {str(tmp_path)!r}", examples[1], flags=re.M)
    assert n == 1
    names: dict[str, Any] = {"spark": spark}
    exec(code, names)
    rows = names["rows"].sort("path").collect()
    assert names["rows"].count() == len(files)
    assert [row.asDict() for row in rows] == expected.select(names["rows"].columns).to_pylist()
    found = names["embeddings"].sort("path").collect()
    np.testing.assert_array_equal(
        np.array([row.embedding for row in found]), np.array(expected["embedding"].to_pylist())
    )


def runs_of_the_model(table: DataFrame) -> int:
    return str(table._jdf.queryExecution().executedPlan()).count("ArrowEvalPython")


def test_example_for_pandas(
    model: Path,
    examples: tuple[str, str, str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    exec(examples[2], {"MODEL": str(model)})
    assert capsys.readouterr().out == examples[3]


def test_no_rows_no_failure(files: DataFrame, grade: Any) -> None:
    assert files.where("false").select(grade("content")).collect() == []


def held_by_workers(spark: SparkSession) -> list[tuple[int, list[int]]]:
    """Of each worker with detectors: how many engines run, and the detectors' settings."""

    # Within a function, so that Spark sends the code: workers do not import the tests.
    def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            time.sleep(0.2)  # so long that every worker takes part
            held = [thing for thing in gc.get_objects() if type(thing).__name__ == "Detector"]
            row = {
                "worker": os.getpid(),
                "engines": [thread.name for thread in threading.enumerate()].count("engine"),
                "threads": [detector.settings.threads for detector in held],
            }
            yield pa.RecordBatch.from_pylist([row])

    schema = "worker long, engines long, threads array<long>"
    seen = spark.range(6, numPartitions=6).mapInArrow(look, schema).collect()
    workers = {row.worker: (row.engines, row.threads) for row in seen}
    return [held for held in workers.values() if held[1]]


def test_worker_loads_the_model_once_for_all_its_tasks(
    spark: SparkSession, files: DataFrame, grade: Any, model: Path
) -> None:
    """MLflow loads it for each task, and another copy of it for each function that is made."""
    files.select(grade("content")).collect()
    held = held_by_workers(spark)
    assert 1 <= len(held) <= 2  # local[2]
    assert all(one == (1, [1]) for one in held)

    again = mlflow.pyfunc.spark_udf(spark, str(model), extra_env=ENVIRONMENT | {"THREADS": "2"})
    files.select(again("content")).collect()
    held = held_by_workers(spark)
    assert (1, [2]) in held
    assert all(one in ((1, [1]), (1, [2])) for one in held)
