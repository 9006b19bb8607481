"""An MLflow model of a checkpoint: weights, our code and pinned requirements in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import warnings
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.azure.models.facts import ModelFacts
from scripts.azure.models.mlflow_signature import Flavour, example, signature
from scripts.errors import OperatorError
from scripts.paths import ROOT

CODE = ROOT / "nsfw_detector"
LOCK = ROOT / "environment" / "cpu.lock"
EXAMPLE_FILE = "serving_input_example.json"
EPOCH = "1970-01-01 00:00:00"
TAIL_LINES = 15


def save(checkpoint: Path, facts: ModelFacts, flavour: Flavour, folder: Path) -> None:
    """Save the MLflow model. The same checkpoint and code give the same bytes every time.

    Args:
        checkpoint: Folder of the staged checkpoint.
        facts: Of the checkpoint.
        flavour: What the input is.
        folder: Is made.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    from mlflow.models import Model

    code = "spark_model.py" if flavour == "spark" else "mlflow_model.py"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(CODE / code),
            artifacts={"checkpoint": str(checkpoint)},
            code_paths=[str(CODE)],
            signature=signature(facts.labels, flavour),
            input_example=example(flavour),
            pip_requirements=requirements(),
            mlflow_model=Model(model_uuid=facts.sha256[:32], utc_time_created=EPOCH),
        )
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    _make_reproducible(folder)


def requirements() -> list[str]:
    """What the packed code needs, with the versions that the serving image is locked to."""
    import mlflow

    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["cpu"]]
    lines = (line.split() for line in LOCK.read_text().splitlines() if "==" in line)
    locked = dict(words[0].split("==", 1) for words in lines if words and "==" in words[0])
    names = [canonicalize_name(Requirement(line).name) for line in needed]
    pinned = [f"{name}=={locked[name]}" for name in names]
    # Operators have mlflow-skinny, whose versions are MLflow's.
    return [f"mlflow=={mlflow.__version__}", f"pandas=={version('pandas')}", *pinned]


def verify(folder: Path) -> None:
    """Score the input example in a process of its own, with the packed code and nothing else.

    Raises:
        OperatorError: It failed; the message holds the end of what MLflow wrote.
    """
    command = [sys.executable, "-m", "mlflow", "models", "predict", "--env-manager", "local"]
    arguments = ["--model-uri", str(folder), "--input-path", str(folder / EXAMPLE_FILE)]
    # No compiled files, which would be uploaded; nothing of ours but what the model has packed.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or '"level"' not in done.stdout:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL_LINES:])
        raise OperatorError(f"The MLflow model cannot score its own example:\n{tail}", "Report it.")


def _make_reproducible(folder: Path) -> None:
    """Take out what MLflow wrote of this machine: paths, which it does not need to load."""
    from mlflow.models import Model

    model = Model.load(str(folder))
    flavour = model.flavors["python_function"]
    flavour["model_code_path"] = Path(flavour["model_code_path"]).name
    for artifact in flavour["artifacts"].values():
        artifact["uri"] = artifact["path"]
    model.save(str(folder / "MLmodel"))
