from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from scripts.azure.invoking.inputs import find_inputs
from scripts.errors import OperatorError

ODD = [
    "-dash.jpg",
    "new\nline.jpg",
    "blank space.png",
    "ünïcode 写真.webp",
    "[1].jpg",
    "*.jpg",
    "'\".gif",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    for name in ("z.jpg", "a.PNG", "note.txt", "b/2.webp", "b/deep/1.tiff", ".hidden.jpg"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folder(folder: Path) -> None:
    assert find_inputs(["."]) == ["./a.PNG", "./z.jpg", "./b/2.webp", "./b/deep/1.tiff"]


def test_sorted_whatever_the_file_system_says(tmp_path: Path) -> None:
    for name in ("3.jpg", "1.jpg", "4.jpg", "2.jpg", "5.jpg", "0.jpg"):
        (tmp_path / name).touch()
    assert [Path(p).stem for p in find_inputs([str(tmp_path)])] == list("012345")


def test_hidden_folders_are_left_out(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "x.jpg").touch()
    assert "./.git/x.jpg" not in find_inputs(["."])


def test_link_to_a_folder_above_ends(folder: Path) -> None:
    (folder / "b" / "up").symlink_to(folder)
    assert len(find_inputs(["."])) == 4


def test_named_files_are_taken_whatever_they_are(folder: Path) -> None:
    assert find_inputs(["note.txt", ".hidden.jpg", "gone.jpg"]) == [
        "note.txt",
        ".hidden.jpg",
        "gone.jpg",
    ]


def test_patterns(folder: Path) -> None:
    assert find_inputs(["*.jpg"]) == ["z.jpg"]
    assert find_inputs(["**/*.tiff"]) == ["b/deep/1.tiff"]
    assert find_inputs(["b*"]) == ["b/2.webp", "b/deep/1.tiff"]


def test_each_once(folder: Path) -> None:
    assert find_inputs(["z.jpg", "*.jpg", "z.jpg"]) == ["z.jpg"]


@pytest.mark.parametrize("names", [["empty"], ["*.gif"], [], ["b/deep/*.x", "empty"]])
def test_nothing(folder: Path, names: list[str]) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(OperatorError):
        find_inputs(names)


def test_nothing_beside_something_stands_for_itself(folder: Path) -> None:
    (folder / "empty").mkdir()
    names = ["*.gif", "z.jpg", "empty"]
    assert find_inputs(names) == names


@pytest.mark.parametrize("names", [["-"], []])
def test_standard_input_is_one_thing(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    listed = b"x.jpg\n" if names else b"x.jpg\n-\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(listed)))
    with pytest.raises(OperatorError, match="both an image and the list"):
        find_inputs(names, "-")


@pytest.mark.parametrize("name", ODD)
def test_odd_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    assert find_inputs([str(tmp_path)]) == find_inputs([str(path)]) == [str(path)]


def test_names_that_are_not_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    with open(path, "wb"):
        pass
    [found] = find_inputs([str(tmp_path)])
    assert os.fsencode(found) == path


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_folder_that_cannot_be_listed(folder: Path) -> None:
    (folder / "b").chmod(0)
    try:
        assert "./b" in find_inputs(["."])
    finally:
        (folder / "b").chmod(0o700)


def test_list_by_line(folder: Path) -> None:
    (folder / "list").write_text("z.jpg\r\n\nb\ngone.jpg")
    assert find_inputs([], "list") == ["z.jpg", "b/2.webp", "b/deep/1.tiff", "gone.jpg"]


def test_list_by_nul(folder: Path) -> None:
    (folder / "list").write_bytes(b"new\nline.jpg\0z.jpg\0")
    assert find_inputs(["a.PNG"], "list") == ["a.PNG", "new\nline.jpg", "z.jpg"]


def test_list_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x.jpg\n\xff.jpg\n")))
    assert find_inputs([], "-") == ["x.jpg", os.fsdecode(b"\xff.jpg")]


def test_list_that_is_not_there(folder: Path) -> None:
    with pytest.raises(OperatorError, match="No such file"):
        find_inputs([], "gone")


def test_thousands(tmp_path: Path) -> None:
    for i in range(5000):
        (tmp_path / f"{i:05}.jpg").touch()
    found = find_inputs([str(tmp_path)])
    assert found == sorted(found)
    assert len(found) == 5000
