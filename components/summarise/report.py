"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from components.summarise.plots import COLORS
from components.summarise.thresholds import NEAR, Threshold
from components.summarise.thumbnails import Thumbnail
from nsfw_detector.batch.summary import Judge, Summary, Throughput

DEMO_NAME = "nsfw-detector-demo"
"""The demo checkpoint says so itself, wherever it is put and whatever it is registered as."""
DECISION_COLORS = {"allow": COLORS[0], "review": COLORS[1], "block": COLORS[3]}
GREY = "#8a8f98"
WORDS = {"allow": "allowed", "review": "to be reviewed by a person", "block": "blocked"}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Image moderation report</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2.5rem auto; max-width: 62rem;
        padding: 0 1.25rem; color: #1f2933; background: #fff }}
h1 {{ margin-bottom: .25rem }} h2 {{ margin: 2.75rem 0 .5rem; font-size: 1.3rem }}
svg {{ max-width: 100%; height: auto }} p {{ max-width: 46rem }} .quiet {{ color: #5b6570 }}
.cards {{ display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0 }}
.card {{ flex: 1 1 9rem; border: 1px solid #dde2e7; border-top: .3rem solid; border-radius: .3rem;
         padding: .75rem 1rem }}
.card b {{ display: block; font-size: 1.7rem; line-height: 1.2 }}
table {{ border-collapse: collapse; width: 100%; margin: .5rem 0 }}
th {{ text-align: left; font-size: .85rem; color: #5b6570; border-bottom: 2px solid #dde2e7 }}
td, th {{ padding: .35rem 1rem .35rem 0; vertical-align: top }}
td {{ border-bottom: 1px solid #eef1f4 }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }}
.bar {{ width: 40% }} .bar div {{ height: 1.1rem; min-width: 1px; border-radius: .15rem }}
.note {{ background: #fff3cd; padding: .75rem 1rem; border-left: .4rem solid #e0a800 }}
code {{ font-size: .85em; overflow-wrap: anywhere }}
figure {{ display: inline-block; margin: 0 1rem 1rem 0; width: 160px; vertical-align: top }}
figure img {{ object-fit: cover }}
figcaption {{ font-size: .8rem; overflow-wrap: anywhere }}
</style></head><body>
<h1>Image moderation report</h1>
<p class="quiet">{date}</p>
{demo}<div class="cards">{cards}</div>
<h2>Decisions</h2>
<p>What the policy does with each file. The shares here and below are of all files.</p>{decisions}
<h2>Levels</h2>
<p>How severe the model finds each file, from the mildest to the most severe.</p>{levels}
<h2>Scores and thresholds</h2>{scores}
<h2>Files without a result</h2>{errors}
<h2>What judged</h2>{models}{speed}{thumbnails}
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What the page tells.

    Attributes:
        summary: Counts.
        throughput: Of the run; None where it is not known.
        first: When the first rows were written, in UTC.
        last: When the last ones were.
        made: When the report is made.
        histograms: Of the scores, as SVG.
        near: Images just below and just above each threshold; None if the policy that is at hand is
            not the one that decided.
        thumbnails: Of the most severe images; may be empty.
    """

    summary: Summary
    throughput: Throughput | None
    first: datetime
    last: datetime
    made: datetime
    histograms: str
    near: Mapping[Threshold, tuple[int, int]] | None
    thumbnails: Sequence[Thumbnail]

    def html(self) -> str:
        """The page; what comes from names of files and models is escaped."""
        summary = self.summary
        colors = dict(zip(summary.levels, COLORS, strict=False))
        failed = summary.files - summary.images
        return _PAGE.format(
            date=f"{self.made:%-d %B %Y}, of files scored {_span(self.first, self.last)}",
            demo=_DEMO if any(model.name == DEMO_NAME for model in summary.models) else "",
            cards="".join(
                [
                    _card("files", summary.files, None, "#334e68"),
                    *(
                        _card(WORDS[name], count, summary.files, DECISION_COLORS[name])
                        for name, count in summary.decisions.items()
                    ),
                    _card("without a result", failed, summary.files, GREY),
                ]
            ),
            decisions=_bars("decision", summary.decisions, summary.files, DECISION_COLORS),
            levels=_bars("level", summary.levels, summary.files, colors),
            scores=self._scores(),
            errors=_bars("error", summary.errors, summary.files, {})
            if summary.errors
            else "<p>None: every file was scored.</p>",
            models=_models(summary.models),
            speed=self._speed(),
            thumbnails=self._thumbnails(),
        )

    def _scores(self) -> str:
        text = (
            "<p>How many images have each probability of being at least of a level. Images near a "
            "threshold are those that another threshold would treat otherwise.</p>"
        )
        if self.near is None:
            return (
                f"{text}{self.histograms}<p class='note'>The rows were decided by another policy "
                "than the one at hand, so its thresholds are not shown. Give theirs as "
                "<code>--policy</code>.</p>"
            )
        kinds = {"level": "named {}", "review": "to review", "block": "blocked"}
        rows = [
            (
                kinds[each.what].format(html.escape(each.label)),
                f"at least {html.escape(each.label)}: {each.value:g}",
                f"{below:,}",
                f"{above:,}",
            )
            for each, (below, above) in self.near.items()
        ]
        header = (
            "an image is",
            "from a probability",
            f"less than {NEAR:g} below",
            f"up to {NEAR:g} above",
        )
        return text + self.histograms + _table(header, rows, n_text=2)

    def _speed(self) -> str:
        if self.throughput is None:
            return ""
        return (
            f"<p>{self.throughput.images_per_second:,.2f} images/s on all nodes together: "
            f"{self.throughput.files:,} files in {_duration(self.throughput.seconds)}, from the "
            "first rows to the last, by when their files were written.</p>"
        )

    def _thumbnails(self) -> str:
        figures = "".join(
            f'<figure><img alt="" width="160" height="160" src="{t.data_url}"><figcaption>'
            f"{html.escape(t.level)}, {html.escape(WORDS.get(t.decision, t.decision))}<br>"
            f"{html.escape(t.path)}</figcaption></figure>"
            for t in self.thumbnails
        )
        return f"<h2>Most severe images, blurred</h2>{figures}" if figures else ""


_DEMO = (
    '<p class="note">Graded by the <strong>demo checkpoint</strong>, which counts drawn badges and '
    "knows nothing of nudity. These numbers mean nothing.</p>"
)


def _span(first: datetime, last: datetime) -> str:
    """Two moments in UTC, to the minute."""
    if f"{first:%F %R}" == f"{last:%F %R}":
        return f"{first:%-d %B %Y, %H:%M} UTC"
    if first.date() == last.date():
        return f"{first:%-d %B %Y}, {first:%H:%M} to {last:%H:%M} UTC"
    return f"{first:%-d %B %Y, %H:%M} to {last:%-d %B %Y, %H:%M} UTC"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def _share(count: int, total: int) -> str:
    return f"{100 * count / max(1, total):.2f} %"


def _card(name: str, count: int, total: int | None, color: str) -> str:
    share = "" if total is None else f" <span class='quiet'>{_share(count, total)}</span>"
    return f'<div class="card" style="border-top-color:{color}"><b>{count:,}</b>{name}{share}</div>'


def _bars(title: str, counts: Mapping[str, int], total: int, colors: Mapping[str, str]) -> str:
    longest = max(1, *counts.values(), 1)
    rows = [
        (
            html.escape(name),
            f"{count:,}",
            _share(count, total),
            f'<div style="width:{100 * count / longest:.1f}%;'
            f'background:{colors.get(name, GREY)}"></div>'
            if count
            else "",
        )
        for name, count in counts.items()
    ]
    return _table((title, "files", "share", ""), rows, n_text=1, bar=True)


def _models(models: Sequence[Judge]) -> str:
    rows = [
        (
            html.escape(" ".join(filter(None, (model.name, model.version)))),
            f"<code>{html.escape(model.digest)}</code>",
            html.escape(model.engine),
            f"{model.files:,}",
        )
        for model in models
    ]
    return _table(("model", "weights", "engine", "files"), rows, n_text=3)


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], n_text: int, bar: bool = False
) -> str:
    """A table; cells are HTML already. The first columns are text, the others numbers or a bar."""
    kinds = [""] * n_text + [' class="n"'] * (len(header) - n_text)
    if bar:
        kinds[-1] = ' class="bar"'
    head = "".join(f"<th{kind}>{cell}</th>" for kind, cell in zip(kinds, header, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{k}>{cell}</td>' for k, cell in zip(kinds, row, strict=True))}</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
