"""The results as the README shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import results

COLUMNS = {
    "contender": "engine",
    "images_per_s": "images/s",
    "median_ms": "ms",
    "times_pipeline": "times the pipeline",
    "share_of_gemm": "share of matrix peak",
    "start_s": "start, s",
    "peak_mb": "peak MB",
    "drift": "drift",
}
SHOWN_VERSIONS = ("openvino", "torch", "transformers", "timm", "onnxruntime")
PICTURE = "![Images per second of the engines, and latency of the servers](benchmarks/results/{})"


def speed(folder: Path = results.FOLDER) -> str:
    """The machine, the table of the engines, and the picture, in Markdown."""
    notes = json.loads((folder / "machine.json").read_text())
    lines = [_machine(notes["engines"]), "", *_table(folder / "engines.csv")]
    if (folder / "summary.png").exists():
        lines += ["", PICTURE.format("summary.png")]
    return "\n".join(lines)


def _machine(note: dict[str, Any]) -> str:
    versions = note["versions"]
    shown = ", ".join(f"{name} {versions[name]}" for name in SHOWN_VERSIONS if versions[name])
    return (
        f"{note['cpu']}, {note['cores']} cores with {', '.join(note['flags'])}, "
        f"{note['memory_gb']:.0f} GB; Python {note['python']}, {shown}; "
        f"{note['form']} form, {note['date']}, commit {note['commit']}."
    )


def _table(path: Path) -> list[str]:
    rows = results.read(path)
    header = [list(COLUMNS.values()), ["---", *["---:"] * (len(COLUMNS) - 1)]]
    return [f"| {' | '.join(line)} |" for line in [*header, *map(_cells, rows)]]


def _cells(row: dict[str, str]) -> list[str]:
    cells = [row[column] for column in COLUMNS]
    if row["note"]:
        cells[1] = row["note"]
    elif row["share_of_gemm"]:
        cells[list(COLUMNS).index("share_of_gemm")] = f"{float(row['share_of_gemm']):.0%}"
    return cells
