"""The verdicts as a table and as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nsfw_detector.engines.optimised import Candidate
from nsfw_detector.levels import probabilities
from scripts.optimising.trial import Trial
from scripts.optimising.verdict import REFERENCE, Verdict

COLUMNS = ("engine", "ms", "times fp32", "MB", "drift", "levels", "decisions", "at most", "chosen")


def print_table(verdicts: dict[Candidate, Verdict], chosen: Candidate) -> None:
    """Print one line per candidate."""
    widths = (12, 8, 12, 7, 10, 8, 11, 9, 8)
    print("".join(f"{title:>{width}}" for title, width in zip(COLUMNS, widths, strict=True)))
    for name, v in verdicts.items():
        cells = (
            name,
            f"{v.milliseconds:.0f}",
            f"{v.speedup:.2f}",
            f"{v.megabytes:.0f}",
            f"{v.drift:.4f}",
            str(v.level_changes),
            str(v.decision_changes),
            f"{v.decision_changes_bound:.2%}",
            "  <--" if name == chosen else "",
        )
        print("".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)))


def plot(verdicts: dict[Candidate, Verdict], trials: dict[Candidate, Trial], path: Path) -> None:
    """Draw speed, and the drift of every image's probabilities."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(verdicts)
    exact = probabilities(np.stack(trials[REFERENCE].logits))
    figure, (speed, drift) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    bars = speed.bar(names, [verdicts[name].speedup for name in names], color="tab:blue")
    speed.bar_label(bars, fmt="%.2f")
    speed.set_title("Speed, times fp32")
    others = [name for name in names if name != REFERENCE]
    changes = [np.abs(probabilities(np.stack(trials[n].logits)) - exact).max(1) for n in others]
    drift.boxplot(changes, tick_labels=others, whis=(0, 100))
    drift.set_title("Largest change of a probability, per image")
    drift.set_ylim(bottom=0)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
