from __future__ import annotations

import subprocess
import sys

SCRIPT = """
from nsfw_detector.torchvision_shim import ensure_importable
ensure_importable()
ensure_importable()
import timm
from torchvision.transforms import Resize
"""


def test_timm_can_be_imported_in_a_fresh_process() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=120)
