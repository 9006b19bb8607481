"""Bring the generated parts of README.md and docs/batch.md up to date.

Each part stands between two comments, ``<!-- name -->`` and ``<!-- end of name -->``.

Example:
    python -m benchmarks.update_readme
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks import cost, readme
from nsfw_detector.settings import Settings
from scripts.local_server import LocalServer
from scripts.paths import DEMO, ROOT, SAMPLES

README = ROOT / "README.md"
BATCH = ROOT / "docs" / "batch.md"


def demo_output() -> str:
    """What `make demo` prints."""
    command = [sys.executable, "-m", "scripts.demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return f"```text\n{done.stdout.strip()}\n```"


def answer() -> str:
    """The answer to the README's first request."""
    with LocalServer(DEMO) as server:
        request = urllib.request.Request(
            f"{server.url}/score",
            data=(SAMPLES / "cat.jpg").read_bytes(),
            headers={"Content-Type": "image/jpeg"},
        )
        with urllib.request.urlopen(request) as response:
            text = json.dumps(json.load(response), indent=2)
    # Innermost objects on one line each, as a person would write them.
    text = re.sub(r"\{[^{}]*\}", lambda m: re.sub(r"\s*\n\s*", " ", m.group()), text)
    return f"```json\n{text}\n```"


def settings_table() -> str:
    """Every setting with its default and what it does."""
    rows = ["| variable | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f"`{field.default}`"
        description = " ".join((field.description or "").split())
        rows.append(f"| `{name.upper()}` | {default} | {description} |")
    return "\n".join(rows)


PARTS: dict[Path, dict[str, Callable[[], str]]] = {
    README: {
        "demo output": demo_output,
        "answer": answer,
        "speed": readme.speed,
        "settings": settings_table,
    },
    BATCH: {
        "rates": cost.rates_table,
        "hours": cost.hours_table,
        "sizes": cost.sizes_table,
        "example": cost.example,
    },
}


def part(text: str, name: str) -> str:
    """The present content of a generated part."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- end of {name} -->", text, re.DOTALL)
    if found is None:
        raise ValueError(f"The text has no part {name!r}.")
    return found.group(1)


def replace(text: str, name: str, content: str) -> str:
    """The text with a part's content exchanged."""
    start, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, rest = text.split(start, 1)
    return before + start + content + end + rest.split(end.lstrip(), 1)[1]


def update(path: Path) -> None:
    """Rewrite all generated parts of the file."""
    text = path.read_text(encoding="utf-8")
    for name, make in PARTS[path].items():
        text = replace(text, name, make())
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0],
        epilog="example: python -m benchmarks.update_readme",
    ).parse_args()
    for page in PARTS:
        update(page)
