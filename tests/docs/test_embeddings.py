"""Every example in docs/embeddings.md is run, and what it shows is what comes out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nsfw_detector import Detector
from nsfw_detector.batch import MiniBatches
from scripts.local_server import LocalServer
from scripts.paths import DEMO, ROOT, SAMPLES

TEXT = (ROOT / "docs" / "embeddings.md").read_text(encoding="utf-8")
PYTHON, HTTP, ROWS, HEAD = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
(OUTPUT,) = re.findall(r"^```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_python() -> None:
    assert run(PYTHON) == OUTPUT


def test_over_http() -> None:
    with LocalServer(DEMO, {"EMBEDDING_LAYERS": "1,3"}) as server:
        code = HTTP.replace("http://127.0.0.1:5001", server.url)
        assert code != HTTP
        assert run(code) == "96 numbers, and layers ['1', '3']\n"


def test_from_a_batch_job(demo_detector: Detector, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    mini_batches = MiniBatches(demo_detector, tmp_path / "results", embedding=True)
    mini_batches.score([str(SAMPLES / "cat.jpg"), str(bad)])
    mini_batches.score([str(SAMPLES / "coffee.jpg")])
    code = ROWS.replace('"results"', repr(str(tmp_path / "results")))
    assert code != ROWS
    assert run(code) == "(2, 96)\n"


def test_a_head_of_your_own() -> None:
    n_drawings = len(list(SAMPLES.glob("demo-*.png")))
    n_photos = len(list(SAMPLES.glob("*.jpg")))
    found = re.findall("True|False", run(HEAD))
    assert found == ["False"] * n_photos + ["True"] * n_drawings


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
