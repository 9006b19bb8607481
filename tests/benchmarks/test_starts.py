"""Cold starts, and what has to be installed."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from benchmarks import starts
from benchmarks.forms import Form
from benchmarks.install_size import closure, locked, size


def test_ours_and_the_pipeline_are_started(small: Path, pictures: list[Path], form: Form) -> None:
    rows = starts.measure(small, pictures, form)["starts"]
    assert [str(row["contender"]).split()[0] for row in rows] == ["ours", "transformers"]
    for row in rows:
        assert float(row["min_s"] or 0) > 0
        assert float(row["peak_mb"] or 0) > 10
        assert float(row["install_mb"] or 0) > 10


def test_the_lock_names_what_serves() -> None:
    names = locked(starts.LOCK)
    assert {"openvino", "azureml-inference-server-http", "pillow"} <= names
    assert not names & {"torch", "timm", "transformers"}


def test_closure_follows_requirements_and_their_extras() -> None:
    assert {"werkzeug", "jinja2", "markupsafe"} <= closure(["flask"])
    assert "cryptography" not in closure(["pyjwt"])
    assert "cryptography" in closure(["pyjwt[crypto]"])


def test_size_counts_files_and_names_what_it_cannot() -> None:
    files = distribution("iniconfig").files or []
    found = size(["iniconfig", "no-such-distribution"])
    assert found.missing == ("no-such-distribution",)
    assert found.packages == 2
    expected = sum(p.stat().st_size for f in files if (p := Path(str(f.locate()))).is_file())
    assert found.megabytes == expected / 1e6
