"""docs/batch.md: its jobs are run, its notebooks too, and its tables are those of the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from azure.ai.ml import load_component, load_job
from azure.ai.ml.entities import PipelineJob

from benchmarks.update_readme import BATCH, PARTS, part
from nsfw_detector.batch.rows import schema
from nsfw_detector.errors import DetectorError, ImageEncodingError, ImageError, InferenceError
from scripts.paths import DEMO, ROOT, SAMPLES
from tests.cloud.cloud import Cloud
from tests.docs.blocks import Page, check_command, check_link, check_shown, shown_commands
from tests.scripts.azure_workspace import run_script

PAGE = Page.read("batch.md")
LABELS = ("neutral", "low", "medium", "high")
SHOWN = shown_commands(PAGE)
IN_AZURE = [pair for pair in SHOWN if "score_folder" not in pair[0]]
HERE = [pair for pair in SHOWN if "score_folder" in pair[0]]
COMPONENTS = [c for c in PAGE.commands if c.startswith("python -m components.")]
PRINTED = {  # by a notebook that has this in it
    "groupby": r"neutral +6\n",
    "repeats": r"neutral +│ +6 │[\s\S]* 0\.7 +│ +1 │[\s\S]*│ +0 │",
    "list_cosine_similarity": r"demo-high\.png +│ +1\.0 ",
    "sample.weight": r"images it stands for: 9\b",
}


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a command of the page as a person would, with `out/` elsewhere; gives what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", command.replace(" out/", f" {folder}/out/")],
        cwd=ROOT,
        env={**environment, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    output = done.stdout.replace(f"{folder}/out/", "out/")
    assert done.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `score_folder` and the components write, run as the page says."""
    folder = tmp_path_factory.mktemp("notebook")
    ((command, shown),) = HERE
    check_shown(shown, run(command, folder, dict(os.environ)))
    assert len(COMPONENTS) == 5
    for component in COMPONENTS:  # in the order of the page: the first one makes the rows
        run(component, folder, dict(os.environ))
    shutil.copytree(folder / "out" / "folder", folder / "results")
    shutil.copytree(folder / "out" / "sample", folder / "sample")
    return folder


def test_in_azure(cloud: Cloud, tmp_path: Path) -> None:
    for script in (["scripts.register_model", str(DEMO)], ["scripts.provision"]):
        done = run_script(cloud, *script)
        assert done.returncode == 0, done.stderr
    for file in (f for f in SAMPLES.rglob("*") if f.is_file()):
        path = f"azureml://datastores/workspaceblobstore/paths/uploads/{file.relative_to(SAMPLES)}"
        cloud.state.storage.upload(path, file.read_bytes())
    assert len(IN_AZURE) == 2
    for command, shown in IN_AZURE:
        check_shown(shown, run(command, tmp_path, cloud.environment()))


def test_the_components(notebook: Path) -> None:
    made = {file.parent.name for file in (notebook / "out").rglob("*") if file.is_file()}
    assert made == {"folder", "rows", "report", "clusters", "matches", "sample"}
    assert (notebook / "out" / "report" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize("code", PAGE.of("python"))
def test_the_notebooks(notebook: Path, code: str) -> None:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=notebook, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (expected,) = [output for text, output in PRINTED.items() if text in code]
    assert re.search(expected, done.stdout), done.stdout


@pytest.mark.parametrize("command", PAGE.commands)
def test_commands_are_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_command(command, monkeypatch)


def test_the_columns_are_those_of_the_code() -> None:
    names, nullable = [], {}
    for cell, type_ in re.findall(
        r"^\| (`.+?`) \| (.*?) \|", part(PAGE.text, "rows"), re.MULTILINE
    ):
        for name in re.findall(r"`(\w+)`", cell):
            names.append(name)
            nullable[name] = "never null" not in type_
    columns = schema(LABELS, embedding_size=8)
    assert names == columns.names
    assert nullable == {field.name: field.nullable for field in columns}


def test_the_errors_are_those_of_the_code() -> None:
    documented = re.findall(r"^\| `((?:image|inference)_\w+)` \|", PAGE.text, re.MULTILINE)
    of_images: list[type[DetectorError]] = [ImageError, *ImageError.__subclasses__()]
    of_images.remove(ImageEncodingError)  # of requests only
    of_images.append(InferenceError)
    assert sorted(documented) == sorted(error.code for error in of_images)


def test_the_tables_are_computed_from_what_was_measured() -> None:
    for name, make in PARTS[BATCH].items():
        assert part(PAGE.text, name) == make()


def test_the_inputs_of_the_pipeline_deployment_have_types() -> None:
    block = PAGE.of("yaml")[1]
    inputs = yaml.safe_load(block)["inputs"]
    pipeline = load_component(ROOT / "components" / "pipelines" / "score_and_review.yml")
    assert {name: given["type"] for name, given in inputs.items()} == {
        name: expected["type"] for name, expected in pipeline.inputs.items()
    }
    assert type(inputs["budget"]["default"]) is int


def test_the_pipeline_job_is_one() -> None:
    block = PAGE.of("yaml")[0]
    file = ROOT / "review.yml"  # where the page says, since paths in it are relative
    file.write_text(block)
    try:
        job = load_job(file)
    finally:
        file.unlink()
    assert isinstance(job, PipelineJob)
    assert list(job.jobs) == ["review"]


def test_the_files_are_there() -> None:
    assert [file for file in PAGE.files if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("link", PAGE.links)
def test_links_lead_somewhere(link: str) -> None:
    check_link(BATCH, link)
