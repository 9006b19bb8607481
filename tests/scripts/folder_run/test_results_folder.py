from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq
import pytest

from nsfw_detector import Detector
from nsfw_detector.batch import Item, score_items
from nsfw_detector.errors import DetectorError, ImageNotFoundError, ImageUnavailableError
from scripts.errors import OperatorError
from scripts.folder_run.results_folder import PartWriter, ResultsFolder
from scripts.paths import SAMPLES

RUN = {"input": "photos", "model": {"digest": "sha256:1"}, "shard": (1, 1)}


@pytest.fixture
def results(tmp_path: Path) -> Iterator[ResultsFolder]:
    folder = ResultsFolder(tmp_path / "out")
    yield folder
    folder.close()


def failing(name: str, error: DetectorError) -> Item:
    def fail() -> BinaryIO:
        raise error

    return Item(name, fail)


def write(
    detector: Detector, results: ResultsFolder, items: Iterable[Item], part_size: int = 100
) -> None:
    with PartWriter(results, detector.info, None, part_size) as writer:
        for score in score_items(detector, items):
            writer.add(score)


def good(name: str) -> Item:
    return Item.of_file(SAMPLES / "cat.jpg", name)


def empty(name: str) -> Item:
    return Item(name, io.BytesIO)


def paths(results: ResultsFolder) -> list[str]:
    return sorted(p for part in results.parts() for p in pq.read_table(part)["path"].to_pylist())


def test_parts_of_the_size_asked_for(demo_detector: Detector, results: ResultsFolder) -> None:
    names = [str(n) for n in range(7)]
    write(demo_detector, results, [empty(name) for name in names], part_size=3)
    sizes = sorted(pq.read_metadata(part).num_rows for part in results.parts())
    assert sizes == [1, 3, 3]
    assert results.rows() == 7
    assert paths(results) == names
    done = results.done()
    assert len(done) == 7
    assert all(name in done for name in names)
    assert "7" not in done


def test_rows_are_kept_when_the_run_fails(demo_detector: Detector, results: ResultsFolder) -> None:
    def items() -> Iterator[Item]:
        yield from map(empty, "abcdefghij")
        raise OSError("The listing broke off.")

    with pytest.raises(OSError, match="broke off"):
        write(demo_detector, results, items())
    assert paths(results) == list("abcdefghij")[: results.rows()]
    assert results.rows() > 0


def test_files_that_could_not_be_read_are_tried_again(
    demo_detector: Detector, results: ResultsFolder
) -> None:
    gone, down = ImageNotFoundError("Gone."), ImageUnavailableError("Down.")
    write(demo_detector, results, [good("a"), failing("b", gone), empty("c")])
    write(demo_detector, results, [failing("d", down), failing("e", gone)])
    write(demo_detector, results, [empty("f")])
    before = {part.name: part.read_bytes() for part in results.parts()}
    assert results.drop_tried_again() == 3
    assert paths(results) == ["a", "c", "f"]
    assert len(results.parts()) == 2
    unchanged = [p for p in results.parts() if p.read_bytes() == before[p.name]]
    assert len(unchanged) == 1
    assert results.drop_tried_again() == 0
    # What is left has lost nothing of its schema.
    schemas = [pq.read_schema(part) for part in results.parts()]
    assert schemas[0].equals(schemas[1], check_metadata=True)


def test_a_run_goes_on_only_with_the_same(demo_detector: Detector, results: ResultsFolder) -> None:
    results.begin(RUN, restart=False)
    results.begin({**RUN, "input": "others"}, restart=False)  # there is nothing to mix with yet
    results.begin(RUN, restart=False)
    write(demo_detector, results, [empty("a")])
    results.begin(RUN, restart=False)
    other: dict[str, Any] = {**RUN, "model": {"digest": "sha256:2"}}
    with pytest.raises(OperatorError, match=r"model: .*sha256:1.* -> .*sha256:2") as raised:
        results.begin(other, restart=False)
    assert "input" not in str(raised.value)
    assert "--restart" in raised.value.remedy
    assert paths(results) == ["a"]
    results.begin(other, restart=True)
    assert paths(results) == []
    results.begin(other, restart=False)


def test_parts_of_unknown_origin_are_left_alone(
    demo_detector: Detector, results: ResultsFolder
) -> None:
    write(demo_detector, results, [empty("a")])
    for content in (None, "", "{", "{}"):
        if content is not None:
            (results.path / "_run.json").write_text(content)
        with pytest.raises(OperatorError, match=r"no readable _run\.json"):
            results.begin(RUN, restart=False)
    assert paths(results) == ["a"]


def test_what_a_killed_run_left_is_removed(results: ResultsFolder) -> None:
    (results.path / ".part-x.parquet.123.tmp").write_bytes(b"half of it")
    results.begin(RUN, restart=False)
    assert {path.name for path in results.path.iterdir()} == {".lock", "_run.json"}


def test_a_damaged_part_is_named(demo_detector: Detector, results: ResultsFolder) -> None:
    write(demo_detector, results, [empty("a")])
    (part,) = results.parts()
    part.write_bytes(part.read_bytes()[:-10])
    for look in (results.done, results.drop_tried_again, results.rows):
        with pytest.raises(OperatorError, match=part.name) as raised:
            look()
        assert "Remove it" in raised.value.remedy


def test_one_process_at_a_time(results: ResultsFolder) -> None:
    with pytest.raises(OperatorError, match="Another run"):
        ResultsFolder(results.path)
    program = (
        "import sys; from pathlib import Path; "
        "from scripts.folder_run.results_folder import ResultsFolder; "
        "ResultsFolder(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    results_path = results.path
    results.close()
    with subprocess.Popen(
        [sys.executable, "-c", program, str(results_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(OperatorError, match="Another run"):
            ResultsFolder(results_path)
        other.kill()
        other.wait()
    results._lock = ResultsFolder(results_path)._lock  # and the kernel has freed it
