from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cloud import azurite


@pytest.fixture(scope="session")
def blob_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azurite.Azurite]:
    """The real blob emulator."""
    program = azurite.find()
    if program is None:
        pytest.skip("Azurite is not installed: run `make azurite` (it needs Node.js).")
    with azurite.run(program, tmp_path_factory.mktemp("azurite")) as storage:
        yield storage
