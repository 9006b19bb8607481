"""The picture for the README: images per second of the engines, latency of the servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import results

Table: TypeAlias = Sequence[Mapping[str, str]]
OURS, OTHERS = "#1f6fb4", "#b0b7bf"
SERVER_COLOURS = ("#1f6fb4", "#d1495b", "#7a9a3a")
STYLES = {"p50_ms": "-", "p95_ms": "--"}


def summarise(folder: Path) -> None:
    """Draw summary.png of the tables engines.csv and servers.csv that lie in the folder."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    draw = {"engines": draw_engines, "servers": draw_servers}
    tables = {name: folder / f"{name}.csv" for name in draw}
    present = {name: results.read(path) for name, path in tables.items() if path.exists()}
    if not present:
        return
    figure, axes = pyplot.subplots(
        1, len(present), figsize=(6.5 * len(present), 4.4), layout="constrained", squeeze=False
    )
    for (name, table), axis in zip(present.items(), axes[0], strict=True):
        draw[name](axis, table)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "summary.png", dpi=150)
    pyplot.close(figure)


def draw_engines(axis: Any, table: Table) -> None:
    """Bars, fastest on top; what was not measured has none."""
    # The forward pass alone is no way to score a file, so it does not stand beside those that are.
    rows = [row for row in table if row["images_per_s"] and "alone" not in row["contender"]]
    rows.sort(key=lambda row: -float(row["images_per_s"]))
    bars = axis.barh(
        [row["contender"] for row in rows],
        [float(row["images_per_s"]) for row in rows],
        color=[OURS if row["contender"].startswith("ours") else OTHERS for row in rows],
    )
    axis.invert_yaxis()
    axis.bar_label(bars, fmt="%.3g", padding=3)
    axis.margins(x=0.12)
    axis.set_title("Images per second, one at a time from the file")


def draw_servers(axis: Any, table: Table) -> None:
    """Latency over offered load, a colour for each server."""
    servers = list(dict.fromkeys(row["server"] for row in table))
    for server, colour in zip(servers, SERVER_COLOURS, strict=False):
        rows = [row for row in table if row["server"] == server and row["p50_ms"]]
        offered = [float(row["offered_per_s"]) for row in rows]
        for column, style in STYLES.items():
            seconds = [float(row[column]) / 1000 for row in rows]
            label = f"{server}, {column.removesuffix('_ms')}"
            axis.plot(offered, seconds, style, color=colour, marker=".", label=label)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlim(left=0)
    axis.set_xlabel("images offered per second (random arrivals)")
    axis.set_title("Seconds from arrival to answer")
    axis.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False, fontsize="small"
    )
