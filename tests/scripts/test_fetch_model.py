"""The real Hugging Face client against a local hub that serves one model, breaking off at times."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nsfw_detector.errors import CheckpointNotFoundError
from scripts.fetch_model import resolve_model
from scripts.paths import ROOT
from scripts.pins import PINS
from tests.checkpoints import tiny_config, write_checkpoint

REVISION = "a" * 40
NAME = "owner/model"


class Hub:
    """A hub on loopback: resolves files of one revision and records what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.files = {p.name: p.read_bytes() for p in folder.iterdir()}
        self.published = {n: hashlib.sha256(d).hexdigest() for n, d in self.files.items()}
        self.ranges: list[str | None] = []
        self.break_off = False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def _answer(self, body: bool) -> None:
                prefix = f"/{NAME}/resolve/{REVISION}/"
                name = self.path.removeprefix(prefix)
                if not self.path.startswith(prefix) or name not in hub.files:
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                data, requested = hub.files[name], self.headers.get("Range")
                start = int(requested.split("=")[1].split("-")[0]) if requested else 0
                self.send_response(206 if requested else 200)
                self.send_header("Content-Length", str(len(data) - start))
                if requested:
                    end = len(data) - 1
                    self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
                self.send_header("X-Repo-Commit", REVISION)
                self.send_header("X-Linked-Size", str(len(data)))
                self.send_header("ETag", f'"{hub.published[name]}"')
                self.send_header("X-Linked-ETag", f'"{hub.published[name]}"')
                self.end_headers()
                if not body:
                    return
                if name == "model.safetensors":
                    hub.ranges.append(requested)
                    if hub.break_off:
                        hub.break_off = False
                        self.wfile.write(data[start : start + len(data) // 2])
                        self.wfile.flush()
                        self.connection.close()
                        return
                self.wfile.write(data[start:])

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(write_checkpoint(tmp_path / "published", tiny_config()))
    yield hub
    hub.server.shutdown()


def fetch(hub_url: str, home: Path, model: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own, because the client reads its settings on import."""
    environment = {**os.environ, "HF_ENDPOINT": hub_url, "HF_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "scripts.fetch_model", model],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_a_model_is_fetched_verified_and_cached(hub: Hub, tmp_path: Path) -> None:
    for _ in range(2):
        done = fetch(hub.url, tmp_path / "home", f"{NAME}@{REVISION}")
        assert done.returncode == 0, done.stderr
        folder = Path(done.stdout.strip())
        for name, data in hub.files.items():
            assert (folder / name).read_bytes() == data
    assert len(hub.ranges) == 1, "the second time nothing is downloaded"


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    large = bytes(range(256)) * (1 << 17)  # 32 MiB: the client writes 10 MB at a time
    hub.files["model.safetensors"] = large
    hub.published["model.safetensors"] = hashlib.sha256(large).hexdigest()
    hub.break_off = True
    for _ in range(2):
        done = fetch(hub.url, tmp_path / "home", f"{NAME}@{REVISION}")
    assert done.returncode == 0, done.stderr
    assert any(requested for requested in hub.ranges), "resumed with a range"
    assert (Path(done.stdout.strip()) / "model.safetensors").read_bytes() == large


def test_a_file_other_than_published_is_refused_and_removed(hub: Hub, tmp_path: Path) -> None:
    good = hub.files["model.safetensors"]
    hub.files["model.safetensors"] = good[:-1] + bytes([good[-1] ^ 1])
    done = fetch(hub.url, tmp_path / "home", f"{NAME}@{REVISION}")
    assert done.returncode == 1
    assert "expected were" in done.stderr
    hub.files["model.safetensors"] = good
    assert fetch(hub.url, tmp_path / "home", f"{NAME}@{REVISION}").returncode == 0


def test_without_a_hub_the_manual_way_is_told(tmp_path: Path) -> None:
    done = fetch("http://127.0.0.1:9", tmp_path, "Freepik/nsfw_image_detector")
    assert done.returncode == 1
    pin = PINS["Freepik/nsfw_image_detector"]
    for expected in (pin.revision, pin.files["model.safetensors"].sha256, "MODEL=", "HF_ENDPOINT"):
        assert expected in done.stderr


@pytest.mark.parametrize("model", ["owner/unpinned", "no-such-folder", "a/b/c", "owner/name@main"])
def test_what_is_not_trusted_is_refused(model: str) -> None:
    with pytest.raises(CheckpointNotFoundError):
        resolve_model(model)


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert resolve_model(str(tmp_path)) == tmp_path
