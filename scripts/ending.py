"""What asks a script to end becomes an exception, as Ctrl-C does: it can put things in order first.

A cancelled CI job and `kill` send SIGTERM, a connection or terminal that is gone sends SIGHUP.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class EndedError(KeyboardInterrupt):
    """The script was asked to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def raise_when_asked_to_end() -> None:
    """From now on raise `EndedError` in the main thread; what `nohup` has ignored stays ignored."""
    terminals = [stream for stream in (1, 2) if os.isatty(stream)]

    def end(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:  # every line to a terminal that is gone would be an error
            for stream in terminals:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        raise EndedError(number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def end_undisturbed() -> None:
    """Ignore further requests: CI asks several times within seconds, and the script is at it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
