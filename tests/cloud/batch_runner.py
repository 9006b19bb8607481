"""Runs a scoring script as a batch job does. A program of its own, in a worker's process.

`python batch_runner.py SCRIPT` says `ready` when `init()` is done. Then each line of its input is a
mini-batch, a JSON list of paths, and each line of its output the rows of one; null if `run()`
failed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any


def main(script: str) -> None:
    """Call `init()` once and `run()` for each mini-batch."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed goes to the log
    spec = importlib.util.spec_from_file_location("entry_script", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["entry_script"] = module
    spec.loader.exec_module(module)
    module.init()
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        try:
            rows = _rows(module.run(json.loads(line)))
        except Exception:
            traceback.print_exc()
            rows = None
        print(json.dumps(rows), file=answers, flush=True)


def _rows(result: Any) -> list[list[Any]]:
    if hasattr(result, "values") and hasattr(result, "columns"):  # a pandas DataFrame
        return [list(row) for row in result.values]
    return [list(row) if isinstance(row, list | tuple) else [row] for row in result]


if __name__ == "__main__":
    # Arguments of the service, which are not the script's own.
    script, sys.argv = sys.argv[1], [sys.argv[1], "--logging_level", "info"]
    sys.path.insert(0, str(Path.cwd()))
    main(script)
