"""A batch job: the deployment's code over the input's files, rows back into the blob store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cloud.storage import Storage

RUNNER = Path(__file__).with_name("batch_runner.py")
TIMEOUT = 300


@dataclass(frozen=True, slots=True)
class BatchRecipe:
    """What a job is made of: addresses of code, model and input; the deployment's settings."""

    code_uri: str
    script: str
    model_uri: str
    model_path: str
    variables: dict[str, str]
    input_uri: str
    mini_batch_size: int
    error_threshold: int
    output_uri: str


class BatchJobError(Exception):
    """The job failed; the message is the end of its log, or which threshold it passed."""


def run(recipe: BatchRecipe, storage: Storage, folder: Path) -> None:
    """Run a job to its end.

    Args:
        recipe: What it is made of.
        storage: Where its files come from and go to.
        folder: An empty folder.

    Raises:
        BatchJobError: The script failed, or more files than the threshold brought no row.
    """
    storage.download(recipe.code_uri, folder)
    models = folder / "azureml-models" / recipe.model_path
    storage.download(recipe.model_uri, models)
    source, output = folder / "inputs", folder / "predictions.csv"
    source.mkdir()
    storage.download(recipe.input_uri, source)
    command = [sys.executable, str(RUNNER), recipe.script, str(source), str(output)]
    process = subprocess.run(
        [*command, str(recipe.mini_batch_size)],
        cwd=folder / recipe.code_uri.rpartition("/")[2],
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "AZUREML_MODEL_DIR": str(models),
            **recipe.variables,
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    if process.returncode != 0:
        raise BatchJobError(process.stderr[-5000:])
    counted = json.loads(process.stdout.splitlines()[-1])
    storage.upload(recipe.output_uri, output.read_bytes())
    missing = counted["files"] - counted["rows"]
    if 0 <= recipe.error_threshold < missing:
        raise BatchJobError(f"{missing} files brought no row, of {recipe.error_threshold} allowed.")
