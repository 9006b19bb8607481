from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from nsfw_detector.batch.paths import file_path
from nsfw_detector.errors import ImageNotFoundError
from scripts.errors import OperatorError
from scripts.inputs import open_input
from scripts.inputs.folder import Folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "in" / "results"
    folder.mkdir(parents=True)
    (folder / "part-x.parquet").write_bytes(b"rows")
    return folder


def contents(folder: Folder) -> dict[str, bytes | str]:
    """What each item holds, or why it cannot be read."""
    found: dict[str, bytes | str] = {}
    for item in folder.items():
        assert item.name not in found
        try:
            with item.open() as file:
                found[item.name] = file.read()
        except ImageNotFoundError as error:
            found[item.name] = error.message
        except OSError as error:
            found[item.name] = error.strerror or ""
    return found


def test_every_file_below_with_its_path(out: Path) -> None:
    root = out.parent
    names = [
        "a.jpg",
        ".hidden",
        "b/c/d e.png",
        "b/.git/x",
        "ü\n\t.jpg",
        "日本/%41.jpg",
        "-rf *",
        "x" * 255,
        "/".join(["deep"] * 100) + "/z",
    ]
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (root / "empty folder").mkdir()
    assert contents(Folder(root, out)) == {name: name.encode() for name in names}


def test_names_that_are_not_utf_8(out: Path) -> None:
    root = out.parent
    for name in (b"caf\xe9.jpg", b"\xff/%FF.jpg", b"\xff/\xfe.jpg"):
        path = root / os.fsdecode(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name)
    found = contents(Folder(root, out))
    assert len(found) == 3
    for text, content in found.items():
        text.encode()
        assert os.fsencode(file_path(text)) == content


def test_what_may_never_end_fails_at_once(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = out.parent
    os.mkfifo(root / "pipe")
    (root / "to pipe").symlink_to("pipe")
    (root / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(root)  # the address of a socket must be short
        listener.bind("socket")
        found = contents(Folder(root, out))
    assert set(found) == {"pipe", "to pipe", "zero", "socket"}
    assert set(found.values()) == {"This is a pipe, a socket or a device."}


def test_links(out: Path) -> None:
    root = out.parent
    (root / "a.jpg").write_bytes(b"a")
    (root / "b").mkdir()
    (root / "b" / "to a.jpg").symlink_to("../a.jpg")
    (root / "b" / "up").symlink_to("..")
    (root / "to results").symlink_to("results")
    (root / "nowhere").symlink_to("none")
    (root / "itself").symlink_to("itself")
    assert contents(Folder(root, out)) == {
        "a.jpg": b"a",
        "b/to a.jpg": b"a",
        "b/up": "Links to folders are not followed.",
        "to results": "Links to folders are not followed.",
        "nowhere": "No such file or directory",
        "itself": "Too many levels of symbolic links",
    }


def test_a_folder_beyond_the_longest_path_is_an_item_that_fails(out: Path) -> None:
    root = out.parent
    (root / "a.jpg").write_bytes(b"a")
    part = "y" * 250
    here = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir(part, dir_fd=here)
        below = os.open(part, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    found = contents(Folder(root, out))
    assert found.pop("a.jpg") == b"a"
    ((name, message),) = found.items()
    assert name.endswith("/")
    assert message == "The folder cannot be listed: File name too long."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_without_permission(out: Path) -> None:
    root = out.parent
    (root / "shut").mkdir(mode=0)
    (root / "secret").touch(mode=0)
    assert contents(Folder(root, out)) == {
        "shut/": "The folder cannot be listed: Permission denied.",
        "secret": "Permission denied",
    }
    (root / "shut").chmod(0o700)


def test_a_folder_that_goes_away_is_an_item_that_fails(out: Path) -> None:
    root = out.parent
    (root / "a.jpg").touch()
    (root / "b").mkdir()
    folder = Folder(root, out)
    items = folder.items()
    assert next(items).name == "a.jpg"
    (root / "b").rmdir()
    assert [item.name for item in items] == ["b/"]
    assert folder.unlisted == 1


def test_an_input_that_goes_away_while_it_is_listed(tmp_path: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    out.mkdir()
    for number in range(3000):
        (root / f"{number:0200}.jpg").touch()
    folder = Folder(root, out)
    items = folder.items()
    next(items)
    assert folder.unlisted == 0
    shutil.rmtree(root)
    assert 1 < sum(1 for _ in items) < 2999
    assert folder.unlisted == 1
    assert sum(1 for _ in folder.items()) == 0
    assert folder.unlisted == 1


def test_what_is_no_input(tmp_path: Path, out: Path) -> None:
    with pytest.raises(OperatorError, match="both the input and the output"):
        open_input(str(out), out)
    for text in ("none", str(out / "part-x.parquet")):
        with pytest.raises(OperatorError, match="is no folder"):
            open_input(text, out)
