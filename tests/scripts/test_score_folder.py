from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from benchmarks import mixed_images
from nsfw_detector.batch.paths import file_path
from scripts.errors import OperatorError
from scripts.folder_run.name_set import NameSet
from scripts.folder_run.results_folder import ResultsFolder
from scripts.inputs.blobs import container as blob_container
from scripts.paths import DEMO, ROOT, SAMPLES
from scripts.score_folder import main
from tests.cloud import azurite
from tests.scripts.inputs.storage import make_container, network, upload

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 files: photographs, broken and empty ones, text, odd names, nested folders, repeats."""
    folder = tmp_path_factory.mktemp("mixed")
    small = [(weight, suffix, side // 8) for weight, suffix, side in mixed_images.KINDS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixed_images, "KINDS", small)
        mixed_images.make(folder, sorted(SAMPLES.glob("*.jpg")), 280)
    files = sorted(folder.iterdir())
    for index, file in enumerate(files):
        if index % 3 == 0:
            below = folder / f"{index % 7}" / "ü b"
            below.mkdir(parents=True, exist_ok=True)
            file.rename(below / file.name)
    cat = SAMPLES / "cat.jpg"
    for name in [b"caf\xe9.jpg", "日本 %41\n.png".encode(), b".hidden", b"x" * 250, b"no suffix"]:
        shutil.copy(cat, folder / os.fsdecode(name))
    for index in range(5):
        shutil.copy(SAMPLES / "demo-high.png", folder / f"again-{index}.png")
        (folder / f"empty-{index}.jpg").touch()
        (folder / f"text-{index}.jpg").write_text(f"no image {index}")
    assert len(paths_in(folder)) == 300
    return folder


@pytest.fixture(scope="module")
def undisturbed(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    out = tmp_path_factory.mktemp("undisturbed")
    assert main([str(mixed), "--out", str(out)]) == 0
    return rows(out)


def paths_in(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def rows(out: Path) -> Rows:
    """The rows without what differs from run to run; fails if a path has two."""
    found: Rows = {}
    for part in out.glob("*.parquet"):
        for row in pq.read_table(part).to_pylist():
            assert row["path"] not in found
            assert row.pop("milliseconds") > 0
            found[row["path"]] = row
    return found


SLOWLY = """
import time

from nsfw_detector.engines.openvino_engine import OpenVINOEngine
from scripts.azure.command import run
from scripts.score_folder import main

infer = OpenVINOEngine.infer


def infer_slowly(engine, images):
    time.sleep(0.05 * len(images))
    return infer(engine, images)


OpenVINOEngine.infer = infer_slowly
run(main)
"""
"""The script with time to end it half way: `mixed` takes it a quarter of a minute."""


def start(source: Path, out: Path, *more: str, slowly: bool = False) -> subprocess.Popen[str]:
    script = ["-c", SLOWLY] if slowly else ["-m", "scripts.score_folder"]
    return subprocess.Popen(
        [sys.executable, *script, str(source), "--out", str(out), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_parts(process: subprocess.Popen[str], out: Path, count: int) -> None:
    while len(list(out.glob("part-*.parquet"))) < count and process.poll() is None:
        time.sleep(0.01)


def test_one_row_for_each_file(mixed: Path, undisturbed: Rows) -> None:
    assert {file_path(path) for path in undisturbed} == paths_in(mixed)
    codes = [row["error_code"] for row in undisturbed.values()]
    assert codes.count("image_empty") == 5
    assert codes.count("image_format_unsupported") == 5
    assert codes.count("image_unreadable") >= 4
    assert undisturbed["again-3.png"]["level"] == "high"
    assert undisturbed["bytes://caf%E9.jpg"]["level"] == "neutral"


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_and_run_again(
    mixed: Path, undisturbed: Rows, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    out = tmp_path / "out"
    for _ in range(4):
        before = len(list(out.glob("part-*.parquet")))
        process = start(mixed, out, "--part-size", "5", slowly=True)
        wait_for_parts(process, out, before + rng.randint(1, 4))
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.communicate()
        found = rows(out)  # whole parts only, no path twice
        assert all(undisturbed[path] == row for path, row in found.items())
    assert 0 < len(rows(out)) < 300
    process = start(mixed, out, "--part-size", "5")
    _, log = process.communicate()
    assert process.returncode == 0, log
    assert "Going on:" in log
    assert rows(out) == undisturbed
    assert pq.read_table(out).num_rows == 300  # what else is there is in no reader's way
    summary = json.loads((out / "_summary.json").read_text())
    assert summary["files"] == 300
    assert summary["last_run"]["files"] < 300


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped(
    mixed: Path, undisturbed: Rows, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    process = start(mixed, out, "--part-size", "40", slowly=True)
    wait_for_parts(process, out, 1)
    process.send_signal(number)
    answer, log = process.communicate()
    assert process.returncode == 128 + number
    assert "Finishing the images under way" in log
    assert "The same command goes on from here" in log
    assert "Traceback" not in log
    done = rows(out)
    assert 40 <= len(done) < 300
    # What was under way is there too: the last part is smaller than the others.
    assert json.loads((out / "_summary.json").read_text())["last_run"]["files"] == len(done)
    assert f"This run: {len(done)} files" in answer
    assert main([str(mixed), "--out", str(out)]) == 0
    assert rows(out) == undisturbed


@pytest.fixture
def few(tmp_path: Path) -> Path:
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("cat.jpg", "demo-low.png", "demo-high.png"):
        shutil.copy(SAMPLES / name, folder)
    return folder


def test_new_files_are_added_and_unreadable_ones_tried_again(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (few / "later.jpg").symlink_to(few / "not there yet")
    assert main([str(few), "--out", str(out)]) == 0
    first = rows(out)
    assert first["later.jpg"]["error_code"] == "image_not_found"
    assert len(first) == 4
    assert "image_not_found" in capsys.readouterr().out
    shutil.copy(SAMPLES / "demo-medium.png", few / "not there yet")
    assert main([str(few), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "This run: 2 files" in captured.out
    assert "Trying again: 1 files" in captured.err
    second = rows(out)
    assert second["later.jpg"]["level"] == second["not there yet"]["level"] == "medium"
    assert all(second[path] == first[path] for path in first if path != "later.jpg")
    assert main([str(few), "--out", str(out)]) == 0
    assert "This run: 0 files" in capsys.readouterr().out
    assert rows(out) == second


def test_a_local_folder_needs_nothing_of_azure(few: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from scripts.score_folder import main\n"
        "main(sys.argv[1:])\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'azure'])"
    )
    command = [sys.executable, "-c", code, str(few), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_results_may_be_inside_the_input(few: Path) -> None:
    for _ in range(2):
        assert main([str(few), "--out", str(few / "results")]) == 0
        assert set(rows(few / "results")) == {"cat.jpg", "demo-low.png", "demo-high.png"}
    with pytest.raises(OperatorError, match="both the input and the output"):
        main([str(few), "--out", str(few)])


def test_rows_of_another_model_input_or_policy_are_not_mixed(
    few: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command = [str(few), "--out", str(out)]
    assert main(command) == 0
    first = rows(out)
    policy = tmp_path / "policy.yml"
    policy.write_text("block: {low: 0.1}")
    others = tmp_path / "others"
    shutil.copytree(few, others)
    with pytest.raises(OperatorError, match="sha256"):
        main([*command, "--model", str(tiny)])
    with pytest.raises(OperatorError, match="input"):
        main([str(others), "--out", str(out)])
    with pytest.raises(OperatorError, match="embeddings"):
        main([*command, "--embeddings"])
    with monkeypatch.context() as patch:
        patch.setenv("POLICY_FILE", str(policy))
        with pytest.raises(OperatorError, match="policy"):
            main(command)
    assert rows(out) == first
    assert main([*command, "--model", str(tiny), "--restart"]) == 0
    digests = {row["model_digest"] for row in rows(out).values()}
    assert len(rows(out)) == 3
    assert digests.isdisjoint(row["model_digest"] for row in first.values())


def test_shards_are_each_other_s_rest(mixed: Path, undisturbed: Rows, tmp_path: Path) -> None:
    union: Rows = {}
    for i in (1, 2, 3):
        out = tmp_path / str(i)
        assert main([str(mixed), "--out", str(out), "--shard", f"{i}/3"]) == 0
        share = rows(out)
        assert 60 < len(share) < 140
        assert union.keys().isdisjoint(share)
        union |= share
    assert union == undisturbed


def test_embeddings(few: Path, tmp_path: Path) -> None:
    (few / "empty.jpg").touch()
    assert main([str(few), "--out", str(tmp_path / "out"), "--embeddings"]) == 0
    found = rows(tmp_path / "out")
    assert np.isnan(found.pop("empty.jpg")["embedding"]).all()
    for row in found.values():
        assert np.linalg.norm(row["embedding"]) > 0


@pytest.mark.parametrize("arguments", [["--shard", "3/2"], ["--shard", "x"], ["--part-size", "0"]])
def test_wrong_arguments(few: Path, tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(few), "--out", str(tmp_path / "out"), *arguments])


def test_an_empty_input_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(OperatorError, match="no files"):
        main([str(tmp_path / "in"), "--out", str(tmp_path / "out")])


def test_an_empty_shard_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(SAMPLES / "cat.jpg", tmp_path / "in")
    for i in (1, 2, 3):
        command = [str(tmp_path / "in"), "--out", str(tmp_path / str(i)), "--shard", f"{i}/3"]
        assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.count("This run: 0 files") == 2
    assert printed.count("This run: 1 files") == 1


def test_an_input_that_goes_away_is_said_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    for number in range(3000):
        (root / f"{number:0200}.jpg").touch()
    done = ResultsFolder.done

    def gone_after(results: ResultsFolder) -> NameSet:
        def remove() -> None:
            while not list(out.glob("part-*.parquet")):
                time.sleep(0.001)
            shutil.rmtree(root)

        threading.Thread(target=remove).start()
        return done(results)

    monkeypatch.setattr(ResultsFolder, "done", gone_after)
    with pytest.raises(OperatorError, match=r"1 folders of .* could not be listed") as raised:
        main([str(root), "--out", str(out), "--part-size", "5"])
    assert "goes on from here" in raised.value.remedy
    assert 5 <= len(rows(out)) < 3000
    assert (out / "_summary.json").exists()


@pytest.mark.parametrize("place", ["a file", "/proc/results"])
def test_results_that_cannot_be_written_are_said(few: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(OperatorError, match="cannot be written to: ") as raised:
        main([str(few), "--out", str(tmp_path / place)])
    assert "--out" in raised.value.remedy


def test_a_disk_that_is_full_is_said(few: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the end of the disk."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "scripts.score_folder", str(few), "--out", str(out)]
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (4000, 4000))
    done = subprocess.run(
        command, cwd=ROOT, preexec_fn=limit, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert f"{out} cannot be written to: File too large." in done.stderr
    assert not list(out.glob("*.parquet"))
    assert main([str(few), "--out", str(out)]) == 0
    assert len(rows(out)) == 3


def test_progress_tells_how_many_are_left(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(mixed), "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert "300/300" in captured.err
    assert "images/s" in captured.err
    assert "THIS IS THE DEMO CHECKPOINT" in captured.err
    assert "files" in captured.out
    assert DEMO.is_dir()


def test_straight_from_blob_storage(
    blob_storage: azurite.Azurite,
    mixed: Path,
    undisturbed: Rows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    container = make_container(blob_storage, "mixed")
    local = tmp_path / "local"
    shutil.copytree(mixed, local)
    (local / os.fsdecode(b"caf\xe9.jpg")).unlink()  # names of blobs are text
    names = set(upload(container, local, "uploads/2026/"))
    container.upload_blob("uploads/2025/x.jpg", b"another folder")
    sas = generate_container_sas(
        azurite.ACCOUNT,
        "mixed",
        azurite.KEY,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    expected = {path: row for path, row in undisturbed.items() if path in names}
    monkeypatch.setattr(blob_container, "RETRIES", 1)
    with network(blob_storage) as net:
        url = f"{net.url}/mixed/uploads/2026"
        # By SAS, with one blob that cannot be fetched ...
        net.failing.add("again-3.png")
        out = tmp_path / "out"
        assert main([f"{url}?{sas}", "--out", str(out)]) == 0
        found = rows(out)
        assert found.keys() == names
        assert found.pop("again-3.png")["error_code"] == "image_unavailable"
        assert found == {path: row for path, row in expected.items() if path != "again-3.png"}
        # ... which is fetched by the next run, this time by account key.
        net.failing.clear()
        monkeypatch.setenv("AZURE_STORAGE_KEY", azurite.KEY)
        assert main([url, "--out", str(out)]) == 0
        assert "This run: 1 files" in capsys.readouterr().out
    assert rows(out) == expected
    for file in out.iterdir():
        assert b"sig=" not in file.read_bytes()
