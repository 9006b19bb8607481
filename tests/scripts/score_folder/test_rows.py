from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nsfw_detector.batch.paths import file_path
from scripts.errors import OperatorError
from scripts.paths import DEMO, ROOT, SAMPLES
from scripts.score_folder import main
from tests.scripts.score_folder.results import Rows, paths_in, rows


def test_one_row_for_each_file(mixed: Path, undisturbed: Rows) -> None:
    assert {file_path(path) for path in undisturbed} == paths_in(mixed)
    codes = [row["error_code"] for row in undisturbed.values()]
    assert codes.count("image_empty") == 5
    assert codes.count("image_format_unsupported") == 5
    assert codes.count("image_unreadable") >= 4
    assert undisturbed["again-3.png"]["level"] == "high"
    assert undisturbed["bytes://caf%E9.jpg"]["level"] == "neutral"


def test_new_files_are_added_and_unreadable_ones_tried_again(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (few / "later.jpg").symlink_to(few / "not there yet")
    assert main([str(few), "--out", str(out)]) == 0
    first = rows(out)
    assert first["later.jpg"]["error_code"] == "image_not_found"
    assert len(first) == 4
    assert "image_not_found" in capsys.readouterr().out
    shutil.copy(SAMPLES / "demo-medium.png", few / "not there yet")
    assert main([str(few), "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "This run: 2 files" in captured.out
    assert "Trying again: 1 files" in captured.err
    second = rows(out)
    assert second["later.jpg"]["level"] == second["not there yet"]["level"] == "medium"
    assert all(second[path] == first[path] for path in first if path != "later.jpg")
    assert main([str(few), "--out", str(out)]) == 0
    assert "This run: 0 files" in capsys.readouterr().out
    assert rows(out) == second


def test_a_local_folder_needs_nothing_of_azure(few: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from scripts.score_folder import main\n"
        "main(sys.argv[1:])\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'azure'])"
    )
    command = [sys.executable, "-c", code, str(few), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_results_may_be_inside_the_input(few: Path) -> None:
    for _ in range(2):
        assert main([str(few), "--out", str(few / "results")]) == 0
        assert set(rows(few / "results")) == {"cat.jpg", "demo-low.png", "demo-high.png"}
    with pytest.raises(OperatorError, match="both the input and the output"):
        main([str(few), "--out", str(few)])


def test_rows_of_another_model_input_or_policy_are_not_mixed(
    few: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command = [str(few), "--out", str(out)]
    assert main(command) == 0
    first = rows(out)
    policy = tmp_path / "policy.yml"
    policy.write_text("block: {low: 0.1}")
    others = tmp_path / "others"
    shutil.copytree(few, others)
    with pytest.raises(OperatorError, match="sha256"):
        main([*command, "--model", str(tiny)])
    with pytest.raises(OperatorError, match="input"):
        main([str(others), "--out", str(out)])
    with pytest.raises(OperatorError, match="embeddings"):
        main([*command, "--embeddings"])
    with monkeypatch.context() as patch:
        patch.setenv("POLICY_FILE", str(policy))
        with pytest.raises(OperatorError, match="policy"):
            main(command)
    assert rows(out) == first
    assert main([*command, "--model", str(tiny), "--restart"]) == 0
    digests = {row["model_digest"] for row in rows(out).values()}
    assert len(rows(out)) == 3
    assert digests.isdisjoint(row["model_digest"] for row in first.values())


def test_shards_are_each_other_s_rest(mixed: Path, undisturbed: Rows, tmp_path: Path) -> None:
    union: Rows = {}
    for i in (1, 2, 3):
        out = tmp_path / str(i)
        assert main([str(mixed), "--out", str(out), "--shard", f"{i}/3"]) == 0
        share = rows(out)
        assert 60 < len(share) < 140
        assert union.keys().isdisjoint(share)
        union |= share
    assert union == undisturbed


def test_embeddings(few: Path, tmp_path: Path) -> None:
    (few / "empty.jpg").touch()
    assert main([str(few), "--out", str(tmp_path / "out"), "--embeddings"]) == 0
    found = rows(tmp_path / "out")
    assert np.isnan(found.pop("empty.jpg")["embedding"]).all()
    for row in found.values():
        assert np.linalg.norm(row["embedding"]) > 0


@pytest.mark.parametrize("arguments", [["--shard", "3/2"], ["--shard", "x"], ["--part-size", "0"]])
def test_wrong_arguments(few: Path, tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(few), "--out", str(tmp_path / "out"), *arguments])


def test_an_empty_input_is_said(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(OperatorError, match="no files"):
        main([str(tmp_path / "in"), "--out", str(tmp_path / "out")])


def test_an_empty_shard_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(SAMPLES / "cat.jpg", tmp_path / "in")
    for i in (1, 2, 3):
        command = [str(tmp_path / "in"), "--out", str(tmp_path / str(i)), "--shard", f"{i}/3"]
        assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.count("This run: 0 files") == 2
    assert printed.count("This run: 1 files") == 1


def test_progress_tells_how_many_are_left(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(mixed), "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert "300/300" in captured.err
    assert "images/s" in captured.err
    assert "THIS IS THE DEMO CHECKPOINT" in captured.err
    assert "files" in captured.out
    assert DEMO.is_dir()
