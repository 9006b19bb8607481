"""Score the sample photos with the demo checkpoint under the real inference server.

Example:
    python -m scripts.demo
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from scripts.image_files import find_images
from scripts.local_server import LocalServer, ServerStartError
from scripts.paths import DEMO, SAMPLES


def main() -> int:
    """Run the demo; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="example: python -m scripts.demo",
    )
    parser.parse_args()
    print("Starting the inference server with score.py and models/demo ...", flush=True)
    try:
        with LocalServer(DEMO) as server:
            print(f"Ready after {server.start_seconds:.1f} s.\n", flush=True)
            photos = find_images(SAMPLES)
            score(server.url, photos[0])  # the first request of a process pays for imports
            print_table([(photo, *score(server.url, photo)) for photo in photos])
    except ServerStartError as error:
        print(error, file=sys.stderr)
        return 1
    print("\nServer stopped. Next: make serve MODEL=Freepik/nsfw_image_detector")
    return 0


def score(url: str, photo: Path) -> tuple[dict[str, Any], float]:
    """Send one photo as a raw body; returns the answer and the milliseconds it took."""
    request = urllib.request.Request(
        f"{url}/score",
        data=photo.read_bytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        body = json.load(answer)
    return body, (time.perf_counter() - started) * 1000


def print_table(rows: list[tuple[Path, dict[str, Any], float]]) -> None:
    """Print the answers under a line that says which model gave them."""
    model = rows[0][1]["model"]
    print(
        f"Model {model['name']} ({model['engine']}). THIS IS THE DEMO CHECKPOINT: it counts drawn"
    )
    print("warning badges and knows nothing of nudity. Never moderate with it.\n")
    levels = list(rows[0][1]["results"][0]["at_least"])
    columns = "".join(f"{'>= ' + level:>11}" for level in levels)
    print(f"{'file':<26}{'level':<9}{'decision':<9}{columns}{'ms':>8}")
    for photo, body, milliseconds in rows:
        result = body["results"][0]
        values = "".join(f"{result['at_least'][level]:>11.3f}" for level in levels)
        print(
            f"{photo.name:<26}{result['level']:<9}{result['decision']:<9}"
            f"{values}{milliseconds:>8.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
