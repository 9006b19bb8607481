from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from scripts.azure.scoring import patience
from scripts.azure.scoring.errors import ScoringError
from scripts.errors import OperatorError
from scripts.paths import ROOT, SAMPLES
from tests.scripts.azure.moody_server import Answer, MoodyServer
from tests.scripts.invoke.running import Invoke, command, many, read


class TestFailures:
    @pytest.fixture(autouse=True)
    def short_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(patience, "FIRST_WAIT", 0.005)

    def test_some_images_fail(self, call: Invoke, moody: MoodyServer, tmp_path: Path) -> None:
        folder = many(tmp_path / "in", 30)
        moody.answers = [Answer(413), Answer(), *[Answer(500)] * 3, Answer(), Answer(502)]
        status, out, err = call(folder, "--url", moody.url, "--concurrency", "1")
        rows = [json.loads(line) for line in out.splitlines()]
        failed = {i: r["error"]["code"] for i, r in enumerate(rows) if "error" in r}
        assert status == 2
        assert len(rows) == 30
        assert failed == {0: "http_413", 2: "http_500"}
        assert rows[2]["attempts"] == 3
        assert rows[4]["attempts"] == 2
        assert "2 errors" in err

    def test_access_lost_half_way_stops(
        self, call: Invoke, moody: MoodyServer, tmp_path: Path
    ) -> None:
        folder, output = many(tmp_path / "in", 50), tmp_path / "out.jsonl"
        moody.answers = [Answer()] * 20 + [Answer(401)] * 50
        with pytest.raises(ScoringError, match="401"):
            call(folder, "--url", moody.url, "-o", output, "--concurrency", "1")
        assert len(read(output)) == 20
        moody.answers = []
        assert call(folder, "--url", moody.url, "-o", output, "--resume")[0] == 0
        assert len({row["file"] for row in read(output)}) == len(read(output)) == 50

    @pytest.mark.parametrize(
        ("trouble", "code"),
        [([Answer(0)] * 5, "unreachable"), ([Answer(200, b"<html>")], "answer_invalid")],
    )
    def test_trouble_on_the_way_stops_nothing(
        self, call: Invoke, moody: MoodyServer, tmp_path: Path, trouble: list[Answer], code: str
    ) -> None:
        moody.answers = [Answer(), *trouble]
        folder = many(tmp_path / "in", 10)
        status, out, _ = call(folder, "--url", moody.url, "--concurrency", "1")
        rows = [json.loads(line) for line in out.splitlines()]
        assert (status, len(rows)) == (2, 10)
        assert [i for i, row in enumerate(rows) if "error" in row] == [1]
        assert rows[1]["error"]["code"] == code

    def test_nobody_there(self, call: Invoke, tmp_path: Path) -> None:
        with MoodyServer() as server:
            url = server.url
        with pytest.raises(ScoringError, match="cannot be reached"):
            call(many(tmp_path / "in", 50), "--url", url)

    def test_something_else_there(self, call: Invoke, moody: MoodyServer, tmp_path: Path) -> None:
        moody.answers = [Answer(200, b"<html>")] * 99
        with pytest.raises(ScoringError, match="not this package"):
            call(many(tmp_path / "in", 50), "--url", moody.url)

    def test_output_that_cannot_be_written(self, call: Invoke, url: str, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match="cannot be written"):
            call(SAMPLES, "--url", url, "-o", tmp_path / "no" / "such" / "x.csv")

    def test_reader_that_has_enough(self, url: str) -> None:
        line = " ".join(command("samples", "--url", url, "--concurrency", "1"))
        done = subprocess.run(
            f"{line} | head -c 10", shell=True, cwd=ROOT, capture_output=True, timeout=60
        )
        assert b"Traceback" not in done.stderr
        assert b"Exception" not in done.stderr

    def test_plain_words_on_the_command_line(self, tmp_path: Path) -> None:
        done = subprocess.run(
            command(tmp_path, "--url", "http://127.0.0.1:9/score"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("There are no images in")
