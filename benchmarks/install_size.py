"""What has to be installed: distributions that require each other, and the size of their files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True, slots=True)
class InstallSize:
    """How much is installed.

    Attributes:
        packages: Number of distributions.
        megabytes: Size of their files.
        missing: Those of them that are not installed here, so that their size is unknown.
    """

    packages: int
    megabytes: float
    missing: tuple[str, ...]


def locked(lock: Path) -> set[str]:
    """The distributions that a lock names."""
    return set(re.findall(r"^([\w.-]+)==", lock.read_text(), re.MULTILINE))


def closure(roots: Iterable[str]) -> set[str]:
    """The distributions that are needed for `roots`, as far as they are installed here."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        wanted = f"{name}[{','.join(sorted(requirement.extras))}]"
        if wanted in seen:
            continue
        seen.add(wanted)
        found.add(name)
        waiting += _requirements(name, requirement.extras)
    return found


def size(names: Iterable[str]) -> InstallSize:
    """The size of what is installed of these distributions."""
    names = sorted(names)
    distributions = {name: _find(name) for name in names}
    installed = [found for found in distributions.values() if found is not None]
    paths = (Path(str(file.locate())) for one in installed for file in one.files or ())
    total = sum(path.stat().st_size for path in paths if path.is_file())
    missing = tuple(name for name, found in distributions.items() if found is None)
    return InstallSize(len(names), total / 1e6, missing)


def _find(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _requirements(name: str, extras: Iterable[str]) -> list[Requirement]:
    found = _find(name)
    parsed = [Requirement(text) for text in (found.requires if found else None) or ()]
    return [
        requirement
        for requirement in parsed
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]
