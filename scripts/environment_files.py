"""Write the files of environment/ that follow from others: `make lock` calls this.

Azure builds an image from a Dockerfile without any arguments, so each of its environments has one
whose defaults fit; and its conda file cannot refer to a lock, so that it repeats the versions.

Example:
    python -m scripts.environment_files
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from scripts.paths import ROOT

FOLDER = ROOT / "environment"
C_COMPILER = '"gcc libc6-dev"'
VARIANTS = {
    "gpu": {"REQUIREMENTS": "gpu.lock", "PACKAGES": C_COMPILER},
    "batch": {"REQUIREMENTS": "batch.lock", "USER_ID": "0"},
    "batch-gpu": {"REQUIREMENTS": "batch-gpu.lock", "PACKAGES": C_COMPILER, "USER_ID": "0"},
}
"""Arguments of environment/Dockerfile by the name of the environment."""


def dockerfile(variant: str) -> str:
    """The Dockerfile with the variant's defaults for its arguments.

    Raises:
        ValueError: The Dockerfile has no such argument.
    """
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    for name, value in VARIANTS[variant].items():
        text, found = re.subn(rf"^ARG {name}=.*$", f"ARG {name}={value}", text, flags=re.MULTILINE)
        if found != 1:
            raise ValueError(f"environment/Dockerfile sets ARG {name} {found} times, not once.")
    return f"# Dockerfile with the arguments of {variant}; made by `make lock`.\n" + text


def conda() -> str:
    """The conda file with the versions of cpu.lock."""
    lock = (FOLDER / "cpu.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9._-]+==\S+)", lock, flags=re.MULTILINE)
    return (
        "# The versions of cpu.lock, for images that Azure builds; made by `make lock`.\n"
        "channels: [conda-forge]\n"
        "dependencies:\n"
        "  - python=3.11\n"
        "  - pip\n"
        "  - pip:\n" + "".join(f"      - {pin}\n" for pin in pins)
    )


def files() -> dict[Path, str]:
    """All files that follow from others, with their content."""
    dockerfiles = {FOLDER / f"{name}.Dockerfile": dockerfile(name) for name in VARIANTS}
    return {**dockerfiles, FOLDER / "conda.yml": conda()}


def main() -> None:
    """Write them."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
