"""The locked requirements of the images."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from scripts.paths import ROOT

ENVIRONMENT = ROOT / "environment"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def locked(lock: Path) -> dict[str, str]:
    """All versions in a lock file, by canonical name."""
    return {canonicalize_name(n): v for n, v in PINNED.findall(lock.read_text(encoding="utf-8"))}


def locked_version(package: str, lock: str) -> str | None:
    """The version of one package; None where there is no such lock file or package."""
    path = ENVIRONMENT / lock
    return locked(path).get(canonicalize_name(package)) if path.is_file() else None


def requirements(path: Path) -> list[Requirement]:
    """What an .in file asks for, and those that it includes with `-r`."""
    found: list[Requirement] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition(" #")[0].strip()
        if text.startswith("-r "):
            found += requirements(path.parent / text[3:].strip())
        elif text and not text.startswith(("#", "-")):
            try:
                found.append(Requirement(text))
            except InvalidRequirement:  # an address, which has no version to compare
                continue
    return found


def drift(source: Path, lock: Path) -> list[str]:
    """What an .in file asks for and its lock does not give, in words."""
    versions = locked(lock)
    problems = []
    for wanted in requirements(source):
        version = versions.get(canonicalize_name(wanted.name))
        if version is None:
            problems.append(f"{wanted.name} is missing")
        elif not wanted.specifier.contains(version, prereleases=True):
            problems.append(f"{wanted.name} is {version}, asked for is {wanted.specifier}")
    return problems
