from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from scripts.azure.scoring.errors import ScoringError
from scripts.errors import OperatorError
from scripts.paths import ROOT, SAMPLES
from tests.scripts.azure.moody_server import Answer, MoodyServer
from tests.scripts.invoke.running import Invoke, command, many, read


class TestResume:
    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_interrupted_half_way(self, tmp_path: Path, end: signal.Signals) -> None:
        folder, output = many(tmp_path / "in", 400), tmp_path / "out.jsonl"
        with MoodyServer() as server:
            server.answers = [Answer()] * 100 + [Answer(seconds=600)] * 300
            line = command(folder, "--url", server.url, "-o", output, "--resume")
            first = subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE)
            while not output.exists() or output.read_bytes().count(b"\n") < 60:
                assert first.poll() is None
                time.sleep(0.01)
            first.send_signal(end)
            _, message = first.communicate(timeout=60)
            if end == signal.SIGINT:
                assert first.returncode == 130
                assert b"Stopped" in message
                assert b"Traceback" not in message
                assert output.read_bytes().endswith(b"\n")
            before = read(output) if output.read_bytes().endswith(b"\n") else None
            assert before is None or 60 <= len(before) < 400
            with output.open("a") as file:
                file.write('{"file": "')  # the worst moment to be killed
            server.answers = []
            sent = len(server.asked)
            second = subprocess.run(line, cwd=ROOT, capture_output=True, timeout=60)
            assert second.returncode == 0, second.stderr
            files = [row["file"] for row in read(output)]
            assert sorted(files) == sorted(str(p) for p in folder.iterdir())
            assert before is None or len(server.asked) - sent == 400 - len(before)

    def test_errors_are_tried_again(
        self, call: Invoke, url: str, photos: list[Path], tmp_path: Path
    ) -> None:
        output, late = tmp_path / "out.jsonl", tmp_path / "late.jpg"
        assert call(late, photos[0], "--url", url, "-o", output, "--resume")[0] == 2
        late.write_bytes(photos[1].read_bytes())
        status, _, err = call(late, photos[0], "--url", url, "-o", output, "--resume")
        assert status == 0
        assert "1 of 2 were done before" in err
        rows = read(output)
        assert {row["file"] for row in rows} == {str(late), str(photos[0])}
        assert not any("error" in row for row in rows)

    def test_errors_stay_where_nothing_can_be_tried(
        self, call: Invoke, moody: MoodyServer, tmp_path: Path
    ) -> None:
        folder, out = many(tmp_path / "in", 9), tmp_path / "out.jsonl"
        moody.answers = [Answer(), *[Answer(413)] * 4]
        assert call(folder, "--url", moody.url, "-o", out, "--concurrency", "1")[0] == 2
        before = read(out)
        with MoodyServer() as server:
            gone = server.url
        with pytest.raises(ScoringError, match="cannot be reached"):
            call(folder, "--url", gone, "-o", out, "--resume", "--timeout", "1")
        assert read(out) == before

    def test_nothing_left(self, call: Invoke, url: str, photos: list[Path], tmp_path: Path) -> None:
        output = tmp_path / "out.jsonl"
        call(photos[0], "--url", url, "-o", output)
        content = output.read_text()
        assert call(photos[0], "--url", url, "-o", output, "--resume")[0] == 0
        assert output.read_text() == content

    def test_results_are_not_overwritten(
        self, call: Invoke, url: str, photos: list[Path], tmp_path: Path
    ) -> None:
        output = tmp_path / "out.jsonl"
        output.write_text("precious")
        with pytest.raises(OperatorError, match="there already"):
            call(photos[0], "--url", url, "-o", output)
        with pytest.raises(OperatorError, match="not a result"):
            call(photos[0], "--url", url, "-o", output, "--resume")
        assert output.read_text() == "precious"

    @pytest.mark.parametrize("extra", [[], ["-o", "x.csv"], ["-o", "x.jsonl", "--format", "csv"]])
    def test_needs_json_lines(self, call: Invoke, url: str, extra: list[str]) -> None:
        with pytest.raises(OperatorError, match="JSON lines"):
            call(SAMPLES, "--url", url, "--resume", *extra)
