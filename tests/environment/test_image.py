"""The real Dockerfiles are built, and the image serves as it will in Azure and anywhere else."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local_server import Server, ServerStartError, free_port
from scripts.paths import DEMO, ROOT, SAMPLES
from tests.environment.buildah import Store, build_flags, missing

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
    pytest.mark.timeout(1200),  # two images are built
]

BASE = "localhost/base"
SERVING = "nsfw-image-detector-cpu:latest"
STANDALONE = "nsfw-image-detector:latest"
MOST_MEGABYTES = 300
"""What the serving image may add to its base."""

INSIDE = """
import os, shutil
from importlib.util import find_spec
assert os.getuid() == 10001
assert not os.access("/opt/venv", os.W_OK)
assert not shutil.which("gcc")
assert not [name for name in ("pip", "setuptools", "torch") if find_spec(name)]
assert set(os.listdir("/var/azureml-app")) == {"nsfw_detector", "score.py", "swagger3.json"}
assert all("__pycache__" not in folders for _, folders, _ in os.walk("/var/azureml-app"))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The images that `make image` builds on a small Debian."""
    folder = tmp_path_factory.mktemp("images")
    store = Store(folder)
    store.add_base(BASE)
    variables = {
        "BUILDER": " ".join(store.command),
        "BUILD_FLAGS": " ".join(build_flags(folder)),
        "BASE_IMAGE": BASE,
    }
    command = ["make", "image", *(f"{name}={value}" for name, value in variables.items())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    yield store
    store.remove()
    shutil.rmtree(folder)


def serve(store: Store, image: str, folder: Path, mounts: dict[Path, str], **env: str) -> Server:
    """The image's own command as its own user, except that it listens on loopback alone."""
    port = free_port()
    config = folder / "loopback.py"
    config.write_text(
        f"def on_starting(server):\n    server.cfg.set('bind', ['127.0.0.1:{port}'])\n"
    )
    threads = dict(v.split("=", 1) for v in store.config(image)["Env"])["GUNICORN_CMD_ARGS"]
    env["GUNICORN_CMD_ARGS"] = f"{threads} --config /loopback.py"
    flags = [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    flags += [f"--env={name}={value}" for name, value in env.items()]
    container = store.run("from", image)
    command = [*store.command, "run", "--isolation=chroot", f"--volume={config}:/loopback.py:ro"]
    return Server([*command, *flags, container, "--", *store.config(image)["Cmd"]], {}, port)


def level(server: Server, image: Path) -> str:
    """Grade one photo over HTTP."""
    request = urllib.request.Request(
        server.url + "/score", image.read_bytes(), {"Content-Type": "application/octet-stream"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["results"][0]["level"])


def test_it_runs_anywhere(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`docker run -v <model folder>:/model` and nothing else."""
    with serve(store, STANDALONE, tmp_path, {DEMO: "/model"}) as server:
        assert level(server, SAMPLES / "cat.jpg") == "neutral"
        assert level(server, SAMPLES / "demo-high.png") == "high"
        with urllib.request.urlopen(server.url + "/swagger.json?version=3") as answer:
            assert json.load(answer)["openapi"].startswith("3")
    base, serving, standalone = map(store.megabytes, (BASE, SERVING, STANDALONE))
    with capsys.disabled():
        print(
            f"\nServing image: {serving - base:.0f} MB on a base of {base:.0f} MB; with the code "
            f"{standalone - serving:.1f} MB more; ready after {server.start_seconds:.1f} s."
        )


def test_it_serves_the_code_that_azure_mounts(store: Store, tmp_path: Path) -> None:
    """Azure lays the code into a folder of its name and the model into another."""
    code = tmp_path / "code"
    shutil.copytree(ROOT / "nsfw_detector", code / "nsfw_detector")
    shutil.copy(ROOT / "score.py", code)
    mounts = {code: "/var/azureml-app/code", DEMO: "/var/azureml-app/azureml-models/m/1/demo"}
    with serve(
        store,
        SERVING,
        tmp_path,
        mounts,
        AML_APP_ROOT="/var/azureml-app/code",
        AZUREML_ENTRY_SCRIPT="score.py",
        AZUREML_MODEL_DIR="/var/azureml-app/azureml-models/m/1",
    ) as server:
        assert level(server, SAMPLES / "cat.jpg") == "neutral"


def test_it_is_small_and_nobody_is_root(store: Store) -> None:
    assert store.megabytes(SERVING) - store.megabytes(BASE) < MOST_MEGABYTES
    config = store.config(STANDALONE)
    assert config["User"] == "10001"
    assert "5001/tcp" in config["ExposedPorts"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    container = store.run("from", STANDALONE)
    store.run("run", "--isolation=chroot", container, "--", "python3", "-c", INSIDE)


def test_a_missing_model_is_said(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match=r"No config\.json and model\.safetensors"):
        serve(store, STANDALONE, tmp_path, {}).__enter__()
