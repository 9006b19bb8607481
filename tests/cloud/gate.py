"""What a test holds back until something else has happened."""

from __future__ import annotations

import threading

INTERVAL = 0.02  # seconds between looks at a second event: no thread can wait for two


class Gate:
    """Open at first."""

    def __init__(self) -> None:
        self._is_open = threading.Event()
        self._is_open.set()

    def close(self) -> None:
        """Hold back who comes from now on."""
        self._is_open.clear()

    def open(self) -> None:
        """Let everybody pass, now and later."""
        self._is_open.set()

    def wait(self, given_up: threading.Event | None = None) -> None:
        """Wait until it is open, or another event is set."""
        while not self._is_open.wait(INTERVAL if given_up else None):
            if given_up and given_up.is_set():
                return
