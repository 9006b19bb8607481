"""One deployment's container: our real inference server, laid out as Azure ML does."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from scripts.local_server import Server, ServerStartError, free_port
from scripts.paths import ROOT
from tests.cloud.errors import ArmError
from tests.cloud.storage import Storage

LOOPBACK_CONFIG = ROOT / "scripts" / "gunicorn_loopback.py"
KEPT_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a container is made of.

    Attributes:
        code_uri: Where the code was uploaded.
        script: The scoring script in it.
        model_uri: Where the model was uploaded; None: no model.
        model_path: `<name>/<version>` of the model.
        variables: The deployment's environment variables.
        health: Path of the liveness probe.
        start_timeout: Seconds until the liveness probe gives up.
    """

    code_uri: str
    script: str
    model_uri: str | None
    model_path: str
    variables: tuple[tuple[str, str], ...]
    health: str
    start_timeout: float


class Container:
    """A running inference server.

    Args:
        recipe: What it is made of.
        folder: An empty folder for its files.

    Attributes:
        port: Where it listens on loopback, once it is started.
    """

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe = recipe
        self.port = 0
        self._folder = folder
        self._stack = ExitStack()
        self._final_log: str | None = None

    def start(self, storage: Storage) -> None:
        """Fetch code and model, start the server and wait until it is live.

        Raises:
            ArmError: As Azure says it when a container does not come up.
        """
        recipe = self.recipe
        storage.download(recipe.code_uri, self._folder)
        code = self._folder / recipe.code_uri.rpartition("/")[2]
        models = self._folder / "azureml-models" / recipe.model_path
        if recipe.model_uri:
            storage.download(recipe.model_uri, models)
        self.port = free_port()
        self._server = Server(
            _command(self.port, recipe.script),
            _environment(recipe, code, models, self._folder),
            self.port,
            recipe.health,
            code,
            recipe.start_timeout,
        )
        try:
            self._stack.enter_context(self._server)
        except ServerStartError:
            self._final_log = self._server.log(KEPT_LINES)
            raise ArmError(
                400,
                "ResourceNotReady",
                "User container has crashed or terminated: Liveness probe failed: HTTP probe "
                "failed with statuscode: 502. Please see troubleshooting guide, available here: "
                "https://aka.ms/oe-tsg#error-resourcenotready",
            ) from None

    def log(self, lines: int) -> str:
        """The last lines of what the server has written."""
        if self._final_log is None:
            return self._server.log(lines)
        return "".join(self._final_log.splitlines(keepends=True)[-lines:])

    def stop(self) -> None:
        """End the server."""
        self._stack.close()


def _command(port: int, script: str) -> list[str]:
    server = [sys.executable, "-m", "azureml_inference_server_http"]
    return [*server, "--entry_script", script, "--port", str(port)]


def _environment(recipe: Recipe, code: Path, models: Path, home: Path) -> dict[str, str]:
    """Nothing of this process's environment but where programs are; a container has its own."""
    variables = dict(recipe.variables)
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        **({"AZUREML_MODEL_DIR": str(models)} if recipe.model_uri else {}),
        "AML_APP_ROOT": str(code),
        "AZUREML_ENTRY_SCRIPT": recipe.script,
        **variables,
        "GUNICORN_CMD_ARGS": f"--config {LOOPBACK_CONFIG} {variables.get('GUNICORN_CMD_ARGS', '')}",
    }
