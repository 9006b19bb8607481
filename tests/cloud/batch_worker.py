"""One worker of a batch job: a process that has loaded the scoring script."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Self

RUNNER = Path(__file__).with_name("batch_runner.py")


class WorkerError(Exception):
    """The script's `init()` failed."""


class Worker:
    """Starts the process when it is needed, and again after it has died.

    Args:
        script: The scoring script.
        code: The folder that holds it.
        variables: All environment variables.
        folder: For its log.
    """

    def __init__(self, script: str, code: Path, variables: dict[str, str], folder: Path) -> None:
        self._script = script
        self._code = code
        self._variables = variables
        self._process: subprocess.Popen[str] | None = None
        self._errors = (folder / f"worker-{uuid.uuid4().hex}.log").open("w+", errors="replace")

    def score(self, files: list[str], timeout: float) -> list[list[object]] | None:
        """Have `run()` score a mini-batch.

        Returns:
            The rows that it returned; None if it failed, died, or took too long.

        Raises:
            WorkerError: `init()` failed.
        """
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        killer = threading.Timer(timeout, process.kill)
        killer.start()
        try:
            print(json.dumps(files), file=process.stdin, flush=True)
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            killer.cancel()
        if not answer:
            self._end()
            return None
        rows: list[list[object]] | None = json.loads(answer)
        return rows

    def log(self) -> str:
        """What the process wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, str(RUNNER), self._script],
                cwd=self._code,
                env=self._variables,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
            assert self._process.stdout is not None
            if self._process.stdout.readline().strip() != "ready":
                self._end()
                raise WorkerError("User program failed with Exception: Run failed in init().")
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()
        self._errors.close()
