from __future__ import annotations

import subprocess
import sys

from scripts.paths import DEMO, ROOT

FREED_ELSEWHERE = """
import faulthandler, gc, os, signal, sys, threading
from nsfw_detector import Detector, Settings

faulthandler.enable()
signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
detectors = [Detector.load(sys.argv[1], Settings(engine="openvino"))]
thread = threading.Thread(target=lambda: detectors.pop().close())
thread.start()
thread.join()
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_signals_are_handled_after_another_thread_freed_the_engine() -> None:
    command = [sys.executable, "-c", FREED_ELSEWHERE, str(DEMO)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "handled\n"
