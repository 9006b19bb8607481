"""Serve a checkpoint under the real inference server until Ctrl-C.

MODEL is a local folder (config.json + model.safetensors), or the id of a Hugging Face model, which
is fetched once, verified and cached.

Examples:
    python -m scripts.serve models/demo
    python -m scripts.serve Freepik/nsfw_image_detector --port 5001
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from nsfw_detector.checkpoint import Checkpoint
from nsfw_detector.errors import DetectorError
from scripts.command import whole_number
from scripts.fetch_model import resolve_model
from scripts.local_server import server_command, server_environment
from scripts.paths import ROOT


def main() -> None:
    """Become the server process."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="example: python -m scripts.serve Freepik/nsfw_image_detector",
    )
    parser.add_argument("model", help="model folder, or Hugging Face id such as owner/name")
    parser.add_argument("--port", type=whole_number(1, 65535), default=5001, help="default: 5001")
    arguments = parser.parse_args()
    try:
        folder: Path = resolve_model(arguments.model)
        Checkpoint.load(folder)  # the server would fail on it too, but with a page of traceback
    except DetectorError as error:
        sys.exit(error.message)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", arguments.port)) == 0:
            sys.exit(f"Port {arguments.port} is taken. Choose another: make serve PORT=5002")
    print(f"Serving {folder} at http://127.0.0.1:{arguments.port}/score (Ctrl-C stops it)")
    print(
        "Try: curl --data-binary @samples/cat.jpg -H 'Content-Type: image/jpeg' "
        f"http://127.0.0.1:{arguments.port}/score",
        flush=True,
    )
    os.chdir(ROOT)
    command = server_command(arguments.port)
    os.execve(command[0], command, server_environment(folder))


if __name__ == "__main__":
    main()
