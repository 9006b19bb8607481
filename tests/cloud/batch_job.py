"""A batch job: the deployment's code over the input's files, as Azure ML's parallel run does."""

from __future__ import annotations

import csv
import io
import os
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.cloud.batch_output import Output
from tests.cloud.batch_worker import Worker, WorkerError
from tests.cloud.gate import Gate
from tests.cloud.storage import Storage

MOUNT = "cap/data-capability/wd"


@dataclass(frozen=True, slots=True)
class BatchRecipe:
    """What a job is made of: addresses of code, model, input and output; the settings."""

    code_uri: str
    script: str
    model_uri: str
    model_path: str
    variables: dict[str, str]
    input_name: str
    input_uri: str
    output_uri: str
    output_file: str | None  # None: rows are not written by the service
    mini_batch_size: int
    error_threshold: int
    max_retries: int
    timeout: float
    workers: int
    may_end: Gate  # of each mini-batch


class BatchJobError(Exception):
    """The job failed; the message is what Azure says of it."""


class BatchJob:
    """One job.

    Args:
        recipe: What it is made of.
        storage: Where its files come from and go to.
        folder: An empty folder.

    Attributes:
        log: What its workers wrote.
        cancelled: Set to end it.
    """

    def __init__(self, recipe: BatchRecipe, storage: Storage, folder: Path) -> None:
        self.log = ""
        self.cancelled = threading.Event()
        self._recipe = recipe
        self._storage = storage
        self._folder = folder
        self._failed = 0
        self._rows: dict[int, list[list[object]]] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        """Run it to its end.

        Raises:
            BatchJobError: The script failed, or more files than the threshold brought no row.
        """
        recipe = self._recipe
        source = self._folder / MOUNT / f"INPUT_{recipe.input_name}"
        self._storage.mount(recipe.input_uri, source)
        self._storage.download(recipe.code_uri, self._folder)
        self._storage.download(recipe.model_uri, self._models)
        output = Output(self._storage, recipe.output_uri, self._folder / MOUNT / "score")
        files = sorted(str(path) for path in source.rglob("*") if path.is_file())
        size = recipe.mini_batch_size
        waiting: queue.SimpleQueue[tuple[int, list[str], int]] = queue.SimpleQueue()
        for number, first in enumerate(range(0, len(files), size)):
            waiting.put((number, files[first : first + size], 0))
        with ThreadPoolExecutor(recipe.workers) as pool:
            works = [pool.submit(self._work, waiting, output) for _ in range(recipe.workers)]
        output.upload()
        for work in works:
            work.result()
        if recipe.output_file:
            output.write(recipe.output_file, self._table())

    @property
    def output_uri(self) -> str:
        """Where its results are."""
        return self._recipe.output_uri

    @property
    def _models(self) -> Path:
        return self._folder / "azureml-models" / self._recipe.model_path

    def _work(self, waiting: queue.SimpleQueue[tuple[int, list[str], int]], output: Output) -> None:
        recipe = self._recipe
        with Worker(
            recipe.script,
            self._folder / recipe.code_uri.rpartition("/")[2],
            self._variables(output),
            self._folder,
        ) as worker:
            try:
                while not self.cancelled.is_set() and not self._is_over():
                    try:
                        number, files, tries = waiting.get_nowait()
                    except queue.Empty:
                        return
                    rows = worker.score(files, recipe.timeout)
                    recipe.may_end.wait(self.cancelled)
                    output.upload()
                    with self._lock:
                        if rows is not None and len(rows) == len(files):
                            self._rows[number] = rows
                        elif tries < recipe.max_retries:
                            waiting.put((number, files, tries + 1))
                        else:
                            self._failed += len(files)
            except WorkerError as error:
                raise BatchJobError(str(error)) from None
            finally:
                self.log += worker.log()
        if self._is_over():
            raise BatchJobError(
                f"{self._failed} items failed, which is more than the error threshold "
                f"{recipe.error_threshold}."
            )

    def _is_over(self) -> bool:
        return 0 <= self._recipe.error_threshold < self._failed

    def _variables(self, output: Output) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),
            "AZUREML_MODEL_DIR": str(self._models),
            "AZUREML_BI_OUTPUT_PATH": str(output.folder),
            **self._recipe.variables,
        }

    def _table(self) -> bytes:
        """Rows as `append_row` writes them: divided by spaces, without a header."""
        text = io.StringIO()
        writer = csv.writer(text, delimiter=" ", lineterminator="\n")
        for number in sorted(self._rows):
            writer.writerows(self._rows[number])
        return text.getvalue().encode()
