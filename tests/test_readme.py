"""Every command in the README is run, and what it shows is what comes out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from benchmarks.update_readme import README, demo_output, part, settings_table
from nsfw_detector import Policy
from scripts.local_server import Server, free_port
from scripts.paths import ROOT
from tests.docs.blocks import check_command

TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in BLOCKS if language == "bash" for line in block.splitlines()]
BY_CI = ("make demo", "make test")
ON_AZURE = [c for c in SHELL if c.startswith(("python -m scripts.", "make azure"))]
NEEDS_THE_HUB = "make serve MODEL=Freepik/nsfw_image_detector"


@pytest.fixture(scope="module")
def serve() -> Iterator[str]:
    """A server started as the README's last `make serve` command starts it; gives its URL."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.serve", "models/demo", "--port", str(port)]
    with Server(command, os.environ, port) as server:
        yield server.url


def test_every_shell_command_is_known_and_run() -> None:
    """`make demo` and `make test` are what CI runs; the other commands run below."""
    ci = (ROOT / ".ci" / "run").read_text()
    assert all(command in ci for command in BY_CI)
    others = [c for c in SHELL if c not in (*BY_CI, NEEDS_THE_HUB, *ON_AZURE)]
    assert [c.split()[0] for c in others] == ["curl"]


@pytest.mark.parametrize("command", ON_AZURE)
def test_the_commands_on_azure(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They exist and take these arguments. tests/test_story.py and tests/scripts/ run them."""
    check_command(command, monkeypatch)


def test_the_curl_command(serve: str) -> None:
    (command,) = [c for c in SHELL if c.startswith("curl")]
    command = command.replace("http://127.0.0.1:5001", serve)
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, check=True)
    shown = json.loads(re.sub(r"^```json|```$", "", part(TEXT, "answer")))
    answer = json.loads(done.stdout)
    assert answer["results"][0].keys() == shown["results"][0].keys()
    assert answer["results"][0]["level"] == shown["results"][0]["level"]
    assert answer["model"]["digest"] == shown["model"]["digest"]


@pytest.mark.parametrize("code", [block for language, block in BLOCKS if language == "python"])
def test_the_python_examples(serve: str, code: str) -> None:
    code = code.replace("http://127.0.0.1:5001", serve)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "neutral" in done.stdout


def test_make_serve_takes_the_commands_of_the_readme() -> None:
    commands = [NEEDS_THE_HUB, *re.findall(r"`(make serve MODEL=models[^`]*)`", TEXT)]
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(
            [*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert "-m scripts.serve" in done.stdout


def test_a_taken_port_is_said(serve: str) -> None:
    port = serve.rpartition(":")[2]
    command = [sys.executable, "-m", "scripts.serve", "models/demo", "--port", port]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr


def test_a_wrong_model_is_said_in_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.serve", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("No config.json and model.safetensors")


def test_the_policy_example_is_valid() -> None:
    (block,) = [block for language, block in BLOCKS if language == "yaml"]
    Policy.parse(yaml.safe_load(block)).check_labels(("neutral", "low", "medium", "high"))


def test_the_settings_are_those_of_the_code() -> None:
    assert part(TEXT, "settings") == settings_table()


def test_the_demo_output_is_that_of_the_demo() -> None:
    def without_times(text: str) -> list[list[str]]:
        rows = re.findall(r"^(\S+\.\w+) +(\w+) +(\w+)", text, re.MULTILINE)
        return [list(row) for row in rows]

    shown = without_times(part(TEXT, "demo output"))
    assert len(shown) >= 8
    assert shown == without_times(demo_output())


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
