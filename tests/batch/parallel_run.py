"""Runs an entry script over mini-batches as Azure ML's parallel run does, on this machine.

Several worker processes, each with `init()` once and `run(mini_batch)` again and again. A worker
may die at any moment; another takes its place, and the mini-batch is tried again. Items that `run`
returns count as successes; a mini-batch with fewer items than files has failed.

What is different from Azure ML: all workers are on one machine, and files are read from a folder
that has the mount's path instead of from a mount.
"""

from __future__ import annotations

import json
import os
import queue
import random
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.paths import ROOT

# The script is loaded by its path, can import from its own folder only, and finds arguments on the
# command line that are not its own.
_WORKER = """
import importlib.util, json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)                      # whatever is printed goes to the log
sys.argv = sys.argv[1:]
sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
spec = importlib.util.spec_from_file_location("entry_module", sys.argv[0])
entry = importlib.util.module_from_spec(spec)
sys.modules["entry_module"] = entry
spec.loader.exec_module(entry)
entry.init()
for line in sys.stdin:
    items = entry.run(json.loads(line))
    print(len(items), file=answers, flush=True)
"""
_SERVICE_ARGUMENTS = ["--mini_batch_size", "64", "--process_count_per_node", "1"]


@dataclass
class Job:
    """What came of a job.

    Attributes:
        succeeded: Items that were returned.
        failed: Files of mini-batches that were given up.
        kills: Workers that died.
    """

    succeeded: int = 0
    failed: int = 0
    kills: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def run_job(
    files: Sequence[Path],
    settings: Mapping[str, str],
    *,
    code: Path = ROOT,
    entry_script: str = "score.py",
    arguments: Sequence[str] = (),
    mini_batch_size: int,
    workers: int = 2,
    max_retries: int = 3,
    kill_share: float = 0.0,
    seed: int = 0,
) -> Job:
    """Score files.

    Args:
        files: Full paths.
        settings: Environment variables of the deployment.
        code: The folder that is uploaded.
        entry_script: Its script with `init` and `run`.
        arguments: Of the command line, for the script.
        mini_batch_size: Files of each call.
        workers: Processes side by side.
        max_retries: Times that a mini-batch is tried again.
        kill_share: Share of first tries during which the worker is killed, at a random moment.
        seed: Of the random choices.
    """
    job = Job()
    mini_batches: queue.SimpleQueue[tuple[list[str], int]] = queue.SimpleQueue()
    for start in range(0, len(files), mini_batch_size):
        mini_batches.put(([str(f) for f in files[start : start + mini_batch_size]], 0))

    def launch() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _WORKER, entry_script, *arguments, *_SERVICE_ARGUMENTS],
            cwd=code,
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def work(number: int) -> None:
        rng = random.Random(seed * 1000 + number)
        worker = launch()
        while True:
            try:
                mini_batch, tries = mini_batches.get_nowait()
            except queue.Empty:
                break
            killer = threading.Timer(rng.uniform(0.0, 0.4), worker.kill)
            if tries == 0 and rng.random() < kill_share:
                killer.start()
            items = _run(worker, mini_batch)
            killer.cancel()
            with job.lock:
                if items == len(mini_batch):
                    job.succeeded += items
                elif tries < max_retries:
                    mini_batches.put((mini_batch, tries + 1))
                else:
                    job.failed += len(mini_batch)
            killer.join() if killer.is_alive() else None
            if worker.poll() is not None or items is None:
                worker.wait()
                with job.lock:
                    job.kills += 1
                worker = launch()
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait(60)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return job


def _run(worker: subprocess.Popen[str], mini_batch: list[str]) -> int | None:
    """Returns the number of items, or None if the worker died."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        print(json.dumps(mini_batch), file=worker.stdin, flush=True)
        answer = worker.stdout.readline()
    except BrokenPipeError:
        return None
    return int(answer) if answer else None
