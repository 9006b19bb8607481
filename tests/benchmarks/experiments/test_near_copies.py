from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageChops

from benchmarks.experiments.near_copies import EDITS, embed, judge, main, pictures
from nsfw_detector import Detector
from scripts.paths import DEMO


def test_pictures_differ_and_copies_are_nearly_the_same() -> None:
    photos_and_drawn = list(pictures(12))
    assert len({image.tobytes() for image in photos_and_drawn}) == 12
    image = photos_and_drawn[0]
    for name, edit in EDITS.items():
        copy = edit(image)
        assert copy.tobytes() != image.tobytes(), name
        difference = ImageChops.difference(copy.resize(image.size), image)
        assert np.asarray(difference).mean() < 40, name


def test_the_judge_knows_right_from_wrong(demo_detector: Detector) -> None:
    originals = embed(demo_detector, list(pictures(40)))
    copies = originals[:4] + 1e-5
    assert judge(originals, copies) == (1.0, 1.0)
    assert judge(originals, originals[10:14])[1] < 1  # copies of others than they are said to be


def test_both_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main([str(DEMO), "--pictures", "40", "--edited", "4"])
    out = capsys.readouterr().out
    assert out.startswith("40 pictures, copies of 4, openvino-")
    assert all(f"\n| {name} | " in out for name in ("centred", *EDITS))
