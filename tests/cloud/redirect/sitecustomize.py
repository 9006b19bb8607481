"""Run by Python at the start of a subprocess whose PYTHONPATH names this folder."""

import os
import runpy
from pathlib import Path

NAMES = Path(__file__).resolve().parent.parent / "names.py"

if "CLOUD_PORT" in os.environ:
    runpy.run_path(str(NAMES))["redirect"](int(os.environ["CLOUD_PORT"]))
