from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nsfw_detector.batch.parts import part_name, require_pyarrow, write_part
from nsfw_detector.errors import SettingsError

TABLE = pa.table({"path": ["a", "b"]})


def test_the_name_depends_on_the_files_and_not_on_their_order() -> None:
    assert part_name(["a", "b"]) == part_name(["b", "a"])
    names = {part_name(p) for p in ([], ["a"], ["a", "b"], ["ab"], ["a\udcff"])}
    assert len(names) == 5


def test_a_part_overwrites_the_one_of_an_earlier_try(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "rows"
    write_part(folder, "part-x.parquet", TABLE.slice(0, 1))
    path = write_part(folder, "part-x.parquet", TABLE)
    assert pq.read_table(path).equals(TABLE)
    assert list(folder.iterdir()) == [path]


def test_nothing_is_left_of_a_part_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_part(tmp_path, "part-x.parquet", TABLE)

    def half(table: pa.Table, where: Path, **_: object) -> None:
        where.write_bytes(b"PAR1 half of it")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(OSError, match="disk full"):
        write_part(tmp_path, "part-x.parquet", TABLE.slice(0, 1))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["part-x.parquet"]
    assert pq.read_table(tmp_path / "part-x.parquet").equals(TABLE)


def test_without_pyarrow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    require_pyarrow()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SettingsError, match=r"environment/batch\.lock"):
        require_pyarrow()
