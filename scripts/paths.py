"""Where things of this repository are."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
DEMO = ROOT / "models" / "demo"
"""The demo checkpoint's folder."""
