"""Jobs that are watched, left alone, and fetched."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

from azure.ai.ml import MLClient

from scripts.paths import ROOT
from tests.cloud.cloud import Cloud
from tests.scripts.azure_workspace import run_script, start_script, wait_until
from tests.scripts.batch.jobs import DATASTORE, FILES, batch, jobs, table


def test_progress_is_shown(cloud: Cloud, workspace: MLClient, uploaded: str) -> None:
    cloud.state.nodes_are_there.close()
    cloud.state.mini_batches_may_end.close()
    terminal, stderr = pty.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.batch", f"{DATASTORE}/{uploaded}"],
        cwd=ROOT,
        env=cloud.environment(),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    os.close(stderr)
    shown = b""
    with suppress(OSError):  # at its end
        while piece := os.read(terminal, 4096):
            shown += piece
            if b"Queued: waiting for nodes after" in shown:
                cloud.state.nodes_are_there.open()
            if b"Running after" in shown and b"| 0/7 [" in shown:
                cloud.state.mini_batches_may_end.open()
    out, _ = process.communicate()
    assert process.returncode == 0, out + shown.decode()
    text = shown.decode()
    stages = ["Queued: waiting for nodes after", "Running after", "Completed after"]
    places = [text.index(stage) for stage in stages]
    assert places == sorted(places)
    counts = [int(n) for n in re.findall(r"\| (\d)/7 \[", text)]
    assert counts == sorted(counts)
    assert set(counts) >= {0, 7}
    assert "To fetch them: python -m scripts.batch --job batchjob-" in out
    assert "--download <folder>" in out


def test_the_job_goes_on_whatever_happens_to_its_watcher(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    cloud.state.mini_batches_may_end.close()
    results = tmp_path / "results"
    record = results / "_job.json"
    command = ["scripts.batch", f"{DATASTORE}/{uploaded}", "--download", str(results)]
    with start_script(cloud, *command):
        wait_until(lambda: record.exists() and json.loads(record.read_text())["files"] == 7)
    name = json.loads(record.read_text())["job"]
    arguments = ["scripts.batch", "--job", name, "--download", str(results)]
    with start_script(cloud, *arguments) as second:
        assert second.stderr is not None
        assert any("Running after" in line for line in second.stderr)
        second.send_signal(signal.SIGINT)
        error = second.stderr.read()
    assert second.returncode == 130, error
    assert f"To go on: python -m scripts.batch --job {name} --download {results}" in error
    assert f"az ml job cancel -n {name}" in error
    assert cloud.state.batch_jobs.keys() == {name}

    cloud.state.mini_batches_may_end.open()
    cloud.finish()
    last = run_script(cloud, *arguments)
    assert last.returncode == 0, last.stdout + last.stderr
    assert "Completed: 7 rows for 7 files" in last.stdout  # the number that the first has noted
    assert table(results) == FILES
    assert len(jobs(cloud)) == 1


def test_an_interrupted_download_is_gone_on_with(
    cloud: Cloud, workspace: MLClient, uploaded: str, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    assert batch(cloud, f"{DATASTORE}/{uploaded}", "--download", results).returncode == 0
    kept, cut, lost, *_ = sorted(results.glob("part-*.parquet"))
    cut.write_bytes(cut.read_bytes()[:100])
    lost.unlink()
    before = kept.stat()
    name = json.loads((results / "_job.json").read_text())["job"]
    done = batch(cloud, "--job", name, "--download", results)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table(results) == FILES
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    assert not list(results.glob(".*.tmp"))
