"""What goes up, beside the SDK's own list of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml._utils._asset_utils import get_ignore_file, get_upload_files_from_folder
from hypothesis import given
from hypothesis import strategies as st

from scripts.azure.checks.upload import uploaded_files
from scripts.paths import ROOT

NAMES = st.sampled_from(["a", "b", "c.py"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PARTS = st.sampled_from(["a", "b", "c.py", "*", "**", "*.py", "?", "[ab]", "\\a"])
PATTERNS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(PARTS, min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "/"]),
)


def by_the_sdk(folder: Path) -> dict[str, int]:
    # The SDK declares its pairs as plain text.
    pairs: Any = get_upload_files_from_folder(folder, ignore_file=get_ignore_file(folder))
    return {name: Path(source).stat().st_size for source, name in pairs}


def write(folder: Path, name: str) -> None:
    path = folder / name
    if not path.exists() and not any(parent.is_file() for parent in path.parents):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


@given(
    files=st.lists(PATHS, max_size=12),
    patterns=st.lists(PATTERNS, max_size=5),
    ignore=st.sampled_from([".amlignore", ".gitignore"]),
)
def test_whatever_the_rules_it_is_what_the_sdk_lists(
    files: list[str], patterns: list[str], ignore: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in files:
            write(folder, file)
        (folder / ignore).write_text("\n".join(patterns))
        assert uploaded_files(folder) == by_the_sdk(folder)


def test_links(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "code", tmp_path / "elsewhere"
    for name in ("package/a.py", "data/b.py"):
        write(folder, name)
    for name in ("module.py", "deeper/c.py", "data/d.py"):
        write(elsewhere, name)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "file.py").symlink_to(elsewhere / "module.py")
    assert len(uploaded_files(folder)) == 6
    assert uploaded_files(folder) == by_the_sdk(folder)
    (folder / ".gitignore").write_text("data/\n")
    assert "linked/deeper/c.py" in uploaded_files(folder)
    assert uploaded_files(folder) == by_the_sdk(folder)


def test_folders_with_nothing_to_upload_are_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir
    entered = set()

    def noted(path: str | Path) -> Iterator[os.DirEntry[str]]:
        entered.add(Path(path).relative_to(ROOT).parts[:1])
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    assert uploaded_files(ROOT)
    assert entered == {(), ("nsfw_detector",), ("components",)}
