from __future__ import annotations

from pathlib import Path

import pytest

from scripts.paths import DEMO
from tests.batch.hoard import write_hoard
from tests.components.job import run_parallel, upload

COUNT = 200


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is uploaded as the components' code."""
    return upload(tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_hoard(folder, COUNT)
    return folder


@pytest.fixture(scope="session")
def embedded(code: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows with embeddings of `images`."""
    rows = tmp_path_factory.mktemp("rows")
    job = run_parallel("embed", code, images=images, model=DEMO, rows=rows)
    assert (job.succeeded, job.failed) == (COUNT, 0)
    return rows
