from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from scripts.inputs.blobs import container as blob_container
from scripts.score_folder import main
from tests.cloud import azurite
from tests.scripts.inputs.storage import make_container, network, upload
from tests.scripts.score_folder.results import Rows, rows


def test_straight_from_blob_storage(
    blob_storage: azurite.Azurite,
    mixed: Path,
    undisturbed: Rows,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    container = make_container(blob_storage, "mixed")
    local = tmp_path / "local"
    shutil.copytree(mixed, local)
    (local / os.fsdecode(b"caf\xe9.jpg")).unlink()  # names of blobs are text
    names = set(upload(container, local, "uploads/2026/"))
    container.upload_blob("uploads/2025/x.jpg", b"another folder")
    sas = generate_container_sas(
        azurite.ACCOUNT,
        "mixed",
        azurite.KEY,
        permission=ContainerSasPermissions(read=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    expected = {path: row for path, row in undisturbed.items() if path in names}
    monkeypatch.setattr(blob_container, "RETRIES", 1)
    with network(blob_storage) as net:
        url = f"{net.url}/mixed/uploads/2026"
        # By SAS, with one blob that cannot be fetched ...
        net.failing.add("again-3.png")
        out = tmp_path / "out"
        assert main([f"{url}?{sas}", "--out", str(out)]) == 0
        found = rows(out)
        assert found.keys() == names
        assert found.pop("again-3.png")["error_code"] == "image_unavailable"
        assert found == {path: row for path, row in expected.items() if path != "again-3.png"}
        # ... which is fetched by the next run, this time by account key.
        net.failing.clear()
        monkeypatch.setenv("AZURE_STORAGE_KEY", azurite.KEY)
        assert main([url, "--out", str(out)]) == 0
        assert "This run: 1 files" in capsys.readouterr().out
    assert rows(out) == expected
    for file in out.iterdir():
        assert b"sig=" not in file.read_bytes()
