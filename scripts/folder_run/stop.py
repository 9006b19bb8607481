"""Ending a run early, when a signal asks for it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Says whether to take no more files, and which signal asked for it."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Catch Ctrl-C and SIGTERM once; the second one ends the process at once."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(number: int, frame: FrameType | None) -> None:
            self.signal = number
            for each in before:
                signal.signal(each, signal.SIG_DFL)
            print("\nFinishing the images under way (again: ends at once) ...", file=sys.stderr)

        try:
            for number in before:
                signal.signal(number, stop)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
