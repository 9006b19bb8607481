"""Copies of the committed files with something changed in them."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from scripts.paths import ROOT


class _Mark(Enum):
    GONE = "gone"


GONE = _Mark.GONE
"""In place of a value: the field is left out. An enum, for the same test ids in every process."""


def changed(folder: Path, file: str, changes: dict[str, Any]) -> Path:
    """Write a copy.

    Args:
        folder: Where to.
        file: Such as ``"deployments/online-cpu"``.
        changes: New values by dotted name.
    """
    content = yaml.safe_load((ROOT / f"{file}.yml").read_text(encoding="utf-8"))
    if "code_configuration" in content:
        content["code_configuration"]["code"] = str(ROOT)
    if "component" in content:
        content["component"] = str((ROOT / file).parent / content["component"])
    for dotted, value in changes.items():
        *above, name = dotted.split(".")
        target = content
        for step in above:
            target = target.setdefault(step, {})
        if value is GONE:
            del target[name]
        else:
            target[name] = value
    path = folder / f"{Path(file).name}.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path
