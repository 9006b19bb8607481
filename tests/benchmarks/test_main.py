"""The one command: what it writes, and what the README makes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import __main__ as command
from benchmarks import machine, plot, readme, results
from benchmarks.engines import COLUMNS
from benchmarks.folder_worker import CHUNK
from benchmarks.forms import LONG, SHORT, Form

ENGINES: list[results.Row] = [
    dict(zip(COLUMNS, row, strict=True))
    for row in (
        ("ours bf16", 2.0, 480.0, 500.0, 1.5, 0.951, 2.1, 500, 450, 0.004, ""),
        ("ours bf16, forward pass alone", 2.1, 470.0, 480.0, 1.6, 0.98, 2.0, 480, 450, 0.004, ""),
        ("pipeline", 1.3, 700.0, 750.0, 1.0, 0.6, 6.5, 660, 600, 0.005, ""),
        ("other", *[None] * 9, "not installed: other"),
    )
]
SERVERS: list[results.Row] = [
    {"server": server, "load": load, "offered_per_s": load * 2, "p50_ms": 500 * load, "p95_ms": 900}
    for server in ("ours", "usual")
    for load in (0.5, 1.2)
]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    results.write(tmp_path / "engines.csv", ENGINES)
    results.write(tmp_path / "servers.csv", SERVERS)
    return tmp_path


def test_parts_are_run_and_written(
    tmp_path: Path, form: Form, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Sequence[Path]] = []

    def part(checkpoint: Path, photos: Sequence[Path], form: Form) -> dict[str, list[results.Row]]:
        seen.append(photos)
        return {"engines": ENGINES, "nothing": []}

    monkeypatch.setattr(command, "PARTS", {"first": part, "second": part})
    out = tmp_path / "results"
    photos = [tmp_path / f"{index}.jpg" for index in range(5)]
    for names in (["first"], ["second"]):
        command.run(names, tmp_path, photos, form, out)
    assert seen == [photos[: form.photos]] * 2
    assert results.read(out / "engines.csv")[0]["contender"] == ENGINES[0]["contender"]
    assert "times_pipeline" in capsys.readouterr().out
    notes = json.loads((out / "machine.json").read_text())
    assert list(notes) == ["first", "second"], "a part's note stays when another is run"
    assert notes["first"]["cores"] >= 1
    assert notes["first"]["versions"]["openvino"]
    assert {path.name for path in out.iterdir()} == {"engines.csv", "machine.json", "summary.png"}


def test_only_known_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "--only", "engines,nothing"])
    with pytest.raises(SystemExit):
        command.main()


@pytest.mark.parametrize("form", [SHORT, LONG])
def test_forms_fit_the_folder_worker(form: Form) -> None:
    assert all(count % CHUNK == 0 for count in form.folder_counts)
    assert len(form.folder_counts) >= 2


def test_the_picture_is_drawn_of_what_there_is(written: Path) -> None:
    plot.summarise(written)
    both = Image.open(written / "summary.png").size
    (written / "servers.csv").unlink()
    plot.summarise(written)
    assert Image.open(written / "summary.png").width < both[0]


def test_without_results_nothing_is_drawn(tmp_path: Path) -> None:
    plot.summarise(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_readme_part(written: Path) -> None:
    machine.record(written / "machine.json", "engines", SHORT, load_before=0.1)
    text = readme.speed(written)
    about, _, header, _, *rows = text.splitlines()
    assert "openvino" in about
    assert "short form" in about
    assert header.count("|") == len(readme.COLUMNS) + 1
    assert rows[0].startswith("| ours bf16 | 2.0 | 500.0 | 1.5 | 95% | 2.1 | 500 | 0.004 |")
    assert rows[3].startswith("| other | not installed: other |")
    assert len({row.count("|") for row in rows}) == 1
    assert "summary.png" not in text
    (written / "summary.png").touch()
    assert readme.speed(written).endswith("(benchmarks/results/summary.png)")


def test_a_table_in_the_terminal_is_aligned() -> None:
    lines = results.text(
        [{"name": "a", "value": 1}, {"name": "longer", "value": None}]
    ).splitlines()
    assert lines == ["name    value", "a           1", "longer"]
