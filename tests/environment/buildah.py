"""Images built on this machine, without a container service and without a registry."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.paths import ROOT

DEBIAN = "bookworm"  # its python3 is 3.11
PACKAGES = "python3,python3-venv"
CACHE = ROOT / ".cache" / f"debootstrap-{DEBIAN}"


def missing() -> str | None:
    """What this machine lacks to build images, or None."""
    if os.geteuid() != 0:
        return "building images here needs root"
    tools = [tool for tool in ("buildah", "debootstrap", "make") if shutil.which(tool) is None]
    return f"not installed: {', '.join(tools)}" if tools else None


class Store:
    """Images and containers in a folder of their own.

    Attributes:
        command: How buildah is called to work on them.
    """

    def __init__(self, folder: Path) -> None:
        self.command = ["buildah", f"--root={folder / 'root'}", f"--runroot={folder / 'run'}"]

    def run(self, *arguments: str) -> str:
        """Run buildah and give what it prints."""
        command = [*self.command, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout.strip()

    def add_base(self, name: str) -> None:
        """Add an image that holds a small Debian with Python."""
        container = self.run("from", "scratch")
        self.run("add", "--quiet", container, str(_debian()), "/")
        self.run("commit", "--quiet", "--rm", container, name)

    def config(self, image: str) -> dict[str, Any]:
        """The image's own settings: command, environment, user, labels."""
        inspected = json.loads(self.run("inspect", "--type=image", image))
        config: dict[str, Any] = inspected["OCIv1"]["config"]
        return config

    def megabytes(self, image: str) -> float:
        """The image's size, uncompressed."""
        mount = self.run("mount", container := self.run("from", image))
        done = subprocess.run(["du", "-sxk", mount], capture_output=True, text=True, check=True)
        self.run("rm", container)
        return int(done.stdout.split()[0]) / 1024

    def remove(self) -> None:
        """Remove all images and containers."""
        self.run("rm", "--all")
        self.run("rmi", "--all", "--force")


def _debian() -> Path:
    if not CACHE.is_dir():
        unfinished = CACHE.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", DEBIAN]
        done = subprocess.run([*command, str(unfinished)], capture_output=True, text=True)
        assert done.returncode == 0, f"debootstrap: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        shutil.rmtree(unfinished / "var" / "cache" / "apt")
        unfinished.rename(CACHE)
    return CACHE


def build_flags(folder: Path) -> list[str]:
    """Flags with which a build runs as this process and finds packages where pip does here.

    Args:
        folder: For a pip configuration that says the same as this machine's.
    """
    settings = _pip_settings()
    lines = ["[global]", *(f"{name} = {value}" for name, value in settings.items())]
    (folder / "pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mounts = {folder / "pip.conf": "/etc/pip.conf"}
    for word in " ".join(settings.values()).split():
        # Beside the pages of an index in files are the files that they link to.
        path = Path(word[7:]).parent if word.startswith("file://") else Path(word)
        if path.is_absolute() and path.exists():
            mounts[path] = str(path)
    flags = [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    return ["--isolation=chroot", *flags]


def _pip_settings() -> dict[str, str]:
    """pip's settings on this machine, those of environment variables last."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = [line.partition("=") for line in listed.splitlines()]
    pairs.sort(key=lambda pair: pair[0].startswith(":env:"))
    settings = {name.rpartition(".")[2]: ast.literal_eval(value) for name, _, value in pairs}
    if bundle := os.environ.get("REQUESTS_CA_BUNDLE"):
        settings.setdefault("cert", bundle)
    return {name: str(value).replace("\n", " ") for name, value in settings.items()}
