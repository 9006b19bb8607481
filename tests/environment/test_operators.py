"""`make azure` installs all that the scripts for operators import, however late they import it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import pytest

from scripts.environment_files import FOLDER
from scripts.paths import ROOT

LOCKS = ("cpu", "hub", "azure")
OWN = {"scripts", "nsfw_detector", "score"}
OF_OTHER_IMAGES = {"torch", "timm", "torchvision"}
"""What the engine for GPUs imports, which an operator's machine does not load."""

SCRIPTS = (
    "register_model", "provision", "doctor", "deploy", "invoke", "rollout", "autoscale", "delete",
    "batch",
)  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_script_imports_is_installed(script: str) -> None:
    locked = {
        name.lower()
        for lock in LOCKS
        for name in re.findall(r"^([\w.-]+)==", (FOLDER / f"{lock}.lock").read_text(), re.MULTILINE)
    }
    needed = {module: distributions_of(module) for module in third_party(f"scripts.{script}")}
    assert {"azure-ai-ml"} in needed.values()
    assert {m: d for m, d in needed.items() if not d & (locked | OF_OTHER_IMAGES)} == {}


def third_party(script: str) -> set[str]:
    """Modules of other packages that a script and what it imports of ours import, at any time."""
    found: set[str] = set()
    seen: set[str] = set()
    left = [script]
    while left:
        module = left.pop()
        path = find_source(module)
        if module in seen or path is None:
            continue
        seen.add(module)
        for name in imports(path):
            top = name.partition(".")[0]
            if top in OWN:
                parts = name.split(".")
                left += [".".join(parts[: n + 1]) for n in range(len(parts))]
            elif top not in sys.stdlib_module_names:
                found.add(name)
    return found


@cache
def imports(path: Path) -> frozenset[str]:
    """Names that a file imports, those for type checkers left out."""
    return frozenset(_imports(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        assert node.level == 0
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def find_source(module: str) -> Path | None:
    """The file of a module of ours; None for what is a name inside one."""
    base = ROOT.joinpath(*module.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def distributions_of(module: str) -> set[str]:
    """The packages that have a module, here where all are installed; MLflow's files are in two."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        base = "/".join(parts[:end])
        for file in (f"{base}.py", f"{base}/__init__.py"):
            if file in installed_files():
                return installed_files()[file]
    return set()


@cache
def installed_files() -> dict[str, set[str]]:
    """The packages of each installed file of Python."""
    found: dict[str, set[str]] = {}
    for distribution in distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        for file in distribution.files or ():
            found.setdefault(str(file), set()).add(name)
    return found
