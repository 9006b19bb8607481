"""Run a scoring script over files as a batch job does. A program of its own, in the job's process.

`python batch_runner.py SCRIPT INPUT OUTPUT MINI_BATCH_SIZE` prints how many files and rows.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


def main(script: str, source: str, output: str, mini_batch_size: str) -> None:
    """Call `init()` once and `run()` for each mini-batch; append its rows to the output."""
    spec = importlib.util.spec_from_file_location("entry_script", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.init()
    files = sorted(str(path) for path in Path(source).rglob("*") if path.is_file())
    size, rows = int(mini_batch_size), 0
    with Path(output).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=" ", lineterminator="\n")
        for first in range(0, len(files), size):
            for row in _rows(module.run(files[first : first + size])):
                writer.writerow(row)
                rows += 1
    print(json.dumps({"files": len(files), "rows": rows}))


def _rows(result: Any) -> list[list[Any]]:
    if hasattr(result, "values") and hasattr(result, "columns"):  # a pandas DataFrame
        return [list(row) for row in result.values]
    return [list(row) if isinstance(row, list | tuple) else [row] for row in result]


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(*sys.argv[1:])
