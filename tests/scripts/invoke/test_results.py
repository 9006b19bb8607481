from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from scripts.azure.scoring.errors import ScoringError
from scripts.azure.workspace import connect
from scripts.errors import OperatorError
from scripts.paths import ROOT, SAMPLES
from tests.cloud.cloud import Cloud
from tests.scripts.azure.deployed import ENDPOINT, deploy
from tests.scripts.azure.moody_server import MoodyServer
from tests.scripts.invoke.running import Invoke, command, many, read


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

    def test_what_gives_nothing_beside_others_has_its_row(
        self, call: Invoke, url: str, photos: list[Path], tmp_path: Path
    ) -> None:
        (tmp_path / "empty").mkdir()
        inputs = [tmp_path / "empty", photos[0], tmp_path / "*.jpg"]
        status, out, _ = call(*inputs, "--url", url)
        rows = [json.loads(line) for line in out.splitlines()]
        assert status == 2
        assert [row["file"] for row in rows] == [str(p) for p in inputs]
        assert "a folder without images" in rows[0]["error"]["message"]
        assert "No such file" in rows[2]["error"]["message"]

    def test_a_deployment_of_a_url(self, call: Invoke, url: str) -> None:
        with pytest.raises(OperatorError, match="--deployment chooses"):
            call(SAMPLES, "--url", url, "-d", "green")

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
