from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scripts import invoke
from scripts.azure.scoring import patience
from scripts.azure.scoring.errors import ScoringError
from scripts.azure.workspace import connect
from scripts.errors import OperatorError
from scripts.local_server import LocalServer
from scripts.paths import ROOT, SAMPLES
from tests.cloud.cloud import Cloud
from tests.scripts.azure.deployed import ENDPOINT, deploy
from tests.scripts.azure.moody_server import Answer, MoodyServer

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Runs the script in this process; gives exit status, stdout and stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["invoke", *map(str, arguments)])
        status = invoke.main()
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def url(demo_server: LocalServer) -> str:
    return f"{demo_server.url}/score"


@pytest.fixture
def moody() -> Iterator[MoodyServer]:
    with MoodyServer() as server:
        yield server


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "scripts.invoke", *map(str, arguments)]


def many(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:05}.jpg").write_bytes(b"%d" % i)
    return folder


class TestFormats:
    def test_table(self, call: Invoke, url: str, photos: list[Path]) -> None:
        status, out, err = call(*photos, "--url", url, "--format", "table")
        lines = out.splitlines()
        assert status == 0
        assert [Path(line.split()[0]).name for line in lines[1:]] == [p.name for p in photos]
        [high] = [line for line in lines if "demo-high" in line]
        assert high.split()[1:3] == ["high", "block"]
        assert f"{len(photos)} images" in err
        assert "1 block" in err

    def test_json_lines(self, call: Invoke, url: str, photos: list[Path]) -> None:
        status, out, _ = call(*photos, "--url", url)
        rows = [json.loads(line) for line in out.splitlines()]
        assert status == 0
        assert [row["file"] for row in rows] == [str(p) for p in photos]
        assert all(row["digest"].startswith("sha256:") for row in rows)

    def test_csv(self, call: Invoke, url: str, photos: list[Path], tmp_path: Path) -> None:
        output = tmp_path / "results.csv"
        status, out, _ = call("gone.jpg", *photos, "--url", url, "--out", output)
        rows = list(csv.DictReader(output.open(newline="")))
        assert (status, out) == (2, "")
        assert [row["file"] for row in rows] == ["gone.jpg", *map(str, photos)]
        assert rows[0]["error_code"] == "image_not_found"
        assert {row["level"] for row in rows[1:]} == {"neutral", "low", "medium", "high"}


class TestInputs:
    def test_one_row_for_each_whatever_happens(
        self, call: Invoke, url: str, photos: list[Path], tmp_path: Path
    ) -> None:
        text, empty, folder, pipe = (tmp_path / n for n in ("text.jpg", "empty", "x.jpg", "pipe"))
        text.write_text("no image")
        empty.touch()
        folder.mkdir()
        (folder / "cut.jpg").write_bytes(photos[1].read_bytes()[:9000])
        os.mkfifo(pipe)
        inputs = [text, empty, folder, pipe, photos[0], tmp_path / "gone", "nul\0name"]
        status, out, err = call(*inputs, "--url", url)
        rows = [json.loads(line) for line in out.splitlines()]
        codes = [row.get("error", {}).get("code") for row in rows]
        assert status == 2
        assert codes == [
            "image_format_unsupported",
            "image_empty",
            "image_unreadable",
            "image_not_found",
            None,
            "image_not_found",
            "image_not_found",
        ]
        assert "6 errors" in err

    @pytest.mark.parametrize(
        "name", ["new\nline.png", "ünï 写真.png", os.fsdecode(b"\xff.png"), "[x]*.png", "-x.png"]
    )
    @pytest.mark.parametrize("kind", ["jsonl", "csv"])
    def test_odd_names(
        self, call: Invoke, url: str, photos: list[Path], tmp_path: Path, name: str, kind: str
    ) -> None:
        folder = tmp_path / "in"
        folder.mkdir()
        (folder / name).write_bytes(photos[0].read_bytes())
        output = tmp_path / f"out.{kind}"
        assert call(folder, "--url", url, "-o", output)[0] == 0
        text = output.read_text(encoding="utf-8", errors="surrogateescape")
        row = json.loads(text) if kind == "jsonl" else next(csv.DictReader(io.StringIO(text, "")))
        assert row["file"] == str(folder / name)

    def test_dash_names_after_two_dashes(
        self, call: Invoke, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "-x.png").write_bytes((SAMPLES / "cat.jpg").read_bytes())
        monkeypatch.chdir(tmp_path)
        assert call("--url", url, "--", "-x.png")[0] == 0

    def test_image_on_standard_input(self, url: str, photos: list[Path]) -> None:
        done = subprocess.run(
            command("-", "--url", url),
            input=photos[0].read_bytes(),
            cwd=ROOT,
            capture_output=True,
            timeout=60,
        )
        row = json.loads(done.stdout)
        assert (done.returncode, row["file"]) == (0, "-")
        assert row["level"]

    def test_list_on_standard_input(self, url: str, photos: list[Path]) -> None:
        done = subprocess.run(
            command("--from-file", "-", "--url", url),
            input=b"\0".join(os.fsencode(p) for p in photos) + b"\0",
            cwd=ROOT,
            capture_output=True,
            timeout=60,
        )
        assert len(done.stdout.splitlines()) == len(photos)

    def test_empty_folder(self, call: Invoke, url: str, tmp_path: Path) -> None:
        with pytest.raises(OperatorError, match="no images"):
            call(tmp_path, "--url", url)

    def test_thousands(self, call: Invoke, moody: MoodyServer, tmp_path: Path) -> None:
        folder = many(tmp_path / "in", 1500)
        output = tmp_path / "out.jsonl"
        assert call(folder, "--url", moody.url, "-o", output)[0] == 0
        assert [Path(row["file"]).stem for row in read(output)] == [f"{i:05}" for i in range(1500)]
        assert moody.connections <= 8


class TestLargePictures:
    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        path = tmp_path / "large.jpg"
        with Image.open(SAMPLES / "demo-high.png") as image:
            image.resize((3000, 2250), Image.Resampling.BICUBIC).save(path, quality=98)
        return path

    def test_shrunk(self, call: Invoke, url: str, large: Path) -> None:
        row = json.loads(call(large, "--url", url)[1])
        assert row["level"] == "high"
        assert (row["width"], row["height"]) == (3000, 2250)
        assert row["bytes"] == large.stat().st_size
        assert row["bytes_sent"] < row["bytes"] / 2

    def test_original(self, call: Invoke, url: str, large: Path) -> None:
        row = json.loads(call(large, "--url", url, "--original")[1])
        assert (row["width"], row["height"]) == (3000, 2250)
        assert row["bytes_sent"] == row["bytes"] == large.stat().st_size


class TestPolicy:
    def test_of_a_file(self, call: Invoke, url: str, tmp_path: Path) -> None:
        policy = tmp_path / "policy.yml"
        policy.write_text("block: {medium: 0.5}\n")
        sample = SAMPLES / "demo-medium.png"
        assert json.loads(call(sample, "--url", url)[1])["decision"] == "review"
        row = json.loads(call(sample, "--url", url, "--policy", policy)[1])
        assert row["decision"] == "block"

    def test_level_that_the_model_has_not(self, call: Invoke, url: str, tmp_path: Path) -> None:
        policy = tmp_path / "policy.yml"
        policy.write_text("block: {extreme: 0.5}\n")
        with pytest.raises(ScoringError, match="extreme"):
            call(SAMPLES, "--url", url, "--policy", policy)


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


class TestEndpoint:
    def test_by_name(self, cloud: Cloud, tmp_path: Path) -> None:
        deploy(connect(cloud.workspace), tmp_path, "aml_token", traffic=0)

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command("samples", "--endpoint", *arguments),
                cwd=ROOT,
                env=cloud.environment(),
                capture_output=True,
                text=True,
                timeout=120,
            )

        done = run(ENDPOINT, "--deployment", "blue", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert done.returncode == 0, done.stderr
        assert [row["level"] for row in rows if "demo" in row["file"]] == ["high", "low", "medium"]

        no_traffic, unknown = run(ENDPOINT), run("elsewhere")
        assert (no_traffic.returncode, unknown.returncode) == (1, 1)
        assert "No deployment has traffic" in no_traffic.stderr
        assert "has no online endpoint elsewhere" in unknown.stderr
        assert "Traceback" not in no_traffic.stderr + unknown.stderr
