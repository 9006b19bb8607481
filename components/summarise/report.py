"""The report: one HTML file that needs nothing else, plots as SVG within it."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np

from components.summarise.thumbnails import Thumbnail
from nsfw_detector.batch.summary import Summary

if TYPE_CHECKING:
    import pyarrow.dataset
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "report"  # the same rows give the same file
from matplotlib import pyplot  # noqa: E402

COLORS = ("#4c9f70", "#e3c44c", "#e08e45", "#c8553d")
BINS = np.linspace(0, 1, 51)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Image moderation report</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
        color: #222; background: #fff }}
h2 {{ margin-top: 2.5rem }} svg {{ max-width: 100%; height: auto }}
table {{ border-collapse: collapse }} td, th {{ padding: .2rem 1rem .2rem 0; text-align: left }}
td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.demo {{ background: #fff3cd; padding: .75rem 1rem; border-left: .4rem solid #e0a800 }}
figure {{ display: inline-block; margin: 0 1rem 1rem 0; max-width: 12rem; vertical-align: top }}
figcaption {{ font-size: .8rem; overflow-wrap: anywhere }}
</style></head><body>
<h1>Image moderation report</h1>
{demo}<p>{files:,} files, graded by {model}.</p>
<h2>Levels and decisions</h2>{levels}{level_table}
<h2>Scores</h2>
<p>How many images reach each probability of being at least of a level (logarithmic). Images near a
threshold are those that another threshold would treat otherwise.</p>{scores}
<h2>Errors</h2>{errors}{thumbnails}
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Plots:
    """The plots, as SVG."""

    levels: str
    scores: str
    errors: str

    @classmethod
    def of_rows(
        cls, rows: pyarrow.dataset.Dataset, labels: Sequence[str], summary: Summary
    ) -> Self:
        """Draw them; the rows are read a batch at a time."""
        names = [f"at_least_{label}" for label in labels[1:]]
        counts = np.zeros((len(names), len(BINS) - 1), dtype=np.int64)
        for batch in rows.to_batches(columns=names):
            for row, name in zip(counts, names, strict=True):
                row += np.histogram(batch[name].drop_null().to_numpy(), BINS)[0]
        return cls(
            _bars(summary.levels, COLORS),
            _histograms(dict(zip(names, counts, strict=True))),
            _bars(summary.errors, ("#888",)) if summary.errors else "<p>None.</p>",
        )


def render(
    summary: Summary,
    plots: Plots,
    thumbnails: Sequence[Thumbnail],
    model: Mapping[str, str],
) -> str:
    """Put the page together; names are escaped.

    Args:
        summary: Counts.
        plots: Pictures of them.
        thumbnails: Of the most severe images; may be empty.
        model: `model_name`, `model_version`, `model_digest`, `engine`.
    """
    is_demo = "demo" in model["model_name"]
    demo = (
        '<p class="demo">Graded by the <strong>demo checkpoint</strong>, which counts drawn badges '
        "and knows nothing of nudity. These numbers mean nothing.</p>"
        if is_demo
        else ""
    )
    name = " ".join(filter(None, (model["model_name"], model["model_version"])))
    figures = "".join(
        f'<figure><img alt="" width="160" src="{t.data_url}"><figcaption>'
        f"{html.escape(t.level)}, {html.escape(t.decision)}<br>{html.escape(t.path)}"
        "</figcaption></figure>"
        for t in thumbnails
    )
    return _PAGE.format(
        demo=demo,
        files=summary.files,
        model=f"{html.escape(name)} ({html.escape(model['model_digest'][:19])}..., "
        f"{html.escape(model['engine'])})",
        levels=plots.levels,
        level_table=_table({**summary.levels, **summary.decisions}, summary.files),
        scores=plots.scores,
        errors=plots.errors,
        thumbnails=f"<h2>Most severe images, blurred</h2>{figures}" if figures else "",
    )


def _table(counts: Mapping[str, int], total: int) -> str:
    rows = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="n">{count:,}</td>'
        f'<td class="n">{100 * count / max(1, total):.2f} %</td></tr>'
        for name, count in counts.items()
    )
    return f"<table>{rows}</table>"


def _bars(counts: Mapping[str, int], colors: Sequence[str]) -> str:
    figure, axes = pyplot.subplots(figsize=(8, 0.5 + 0.4 * len(counts)), layout="constrained")
    bars = axes.barh(list(counts), list(counts.values()), color=colors)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.margins(x=0.12)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    return _svg(figure)


def _histograms(counts: Mapping[str, np.ndarray]) -> str:
    figure, all_axes = pyplot.subplots(
        1, len(counts), figsize=(10, 3), sharey=True, layout="constrained", squeeze=False
    )
    axes: Axes
    colors = COLORS[1:] * 9  # for models with more labels
    for axes, (name, count), color in zip(all_axes[0], counts.items(), colors, strict=False):
        axes.stairs(count, BINS, fill=True, color=color)
        axes.set_yscale("symlog")
        axes.set_ylim(bottom=0)
        axes.set_title(name.replace("_", " "))
    all_axes[0][0].set_ylabel("images")
    return _svg(figure)


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(
        file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    pyplot.close(figure)
    text = file.getvalue()
    return text[text.index("<svg") :]
