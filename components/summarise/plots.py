"""Plots of the report, as SVG to be put into a page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from components.summarise.thresholds import Threshold

matplotlib.rcParams["svg.hashsalt"] = "report"  # the same rows give the same plot

COLORS = ("#4c9f70", "#d9b32f", "#e08e45", "#c8553d")
"""From harmless to severe."""
BINS = np.linspace(0, 1, 51)
_LINES: dict[str, tuple[str, Literal[":", "--", "-"], float]] = {
    "block": ("#9b2c2c", "-", 4),  # the widest first, so that lines at one place are all seen
    "review": ("#e0a800", "-", 4),
    "level": ("#111111", ":", 2),
}


def histograms(counts: Mapping[str, NDArray[np.int64]], thresholds: Sequence[Threshold]) -> str:
    """Draw how many images have each probability of being at least of a level.

    Args:
        counts: Label -> images in each of `BINS`.
        thresholds: Drawn as lines.
    """
    figure = Figure(figsize=(10, 3.4), layout="constrained")  # by itself: it needs no screen
    all_axes = figure.subplots(1, len(counts), sharey=True, squeeze=False)
    axes: Axes
    colors = COLORS[1:] * len(counts)  # for models with more labels
    for axes, (label, count), color in zip(all_axes[0], counts.items(), colors, strict=False):
        axes.stairs(count, BINS, fill=True, color=color, alpha=0.75)
        axes.set_yscale("symlog")
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, 1)
        axes.set_title(f"at least {label}")
        axes.set_xlabel("probability")
        own = [each for each in thresholds if each.label == label]
        for threshold in sorted(own, key=lambda each: list(_LINES).index(each.what)):
            line_color, style, width = _LINES[threshold.what]
            axes.axvline(threshold.value, color=line_color, linestyle=style, linewidth=width)
    all_axes[0][0].set_ylabel("images (logarithmic)")
    used = [what for what in _LINES if any(each.what == what for each in thresholds)]
    if used:
        names = {"level": "named so from here", "review": "to review", "block": "blocked"}
        handles = []
        for what in used:
            line_color, style, width = _LINES[what]
            handles.append(Line2D([], [], color=line_color, linestyle=style, linewidth=width))
        figure.legend(
            handles,
            [names[what] for what in used],
            loc="outside lower center",
            ncols=3,
            frameon=False,
        )
    return _svg(figure)


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(
        file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    text = file.getvalue()
    return text[text.index("<svg") :]
