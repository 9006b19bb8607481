from __future__ import annotations

import csv

from benchmarks import shrink
from benchmarks.results import FOLDER
from nsfw_detector import Detector
from scripts.paths import ROOT


def test_smaller_forms_save_bytes_and_cost_little(demo_detector: Detector) -> None:
    files = shrink.made_up_photos()[2:4]
    right = shrink.scores(demo_detector, files)
    rows = {
        name: shrink.measure(name, form, files, right, demo_detector)
        for name, form in shrink.forms().items()
        if name in ("what invoke sends", "short side 448", "the file itself")
    }
    itself, sent, tiny = rows["the file itself"], rows["what invoke sends"], rows["short side 448"]
    assert (itself["share of bytes"], itself["most"], itself["other level"]) == (1.0, 0.0, 0)
    assert float(str(tiny["share of bytes"])) < float(str(sent["share of bytes"])) < 0.4
    off = [float(str(row["grey levels off"])) for row in (itself, sent, tiny)]
    assert off == sorted(off)


def test_documented_figures_are_the_measured_ones() -> None:
    document = (ROOT / "docs" / "invoke.md").read_text()
    with (FOLDER / "shrink.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            [line] = [x for x in document.splitlines() if f"| {row['kB']} |" in x]
            assert f"| {row['images/s at 5 MB/s']} | {row['grey levels off']} |" in line
