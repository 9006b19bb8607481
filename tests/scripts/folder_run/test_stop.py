from __future__ import annotations

import signal

from scripts.folder_run.stop import Stop


def test_the_second_ctrl_c_ends_it_at_once() -> None:
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)
    with stop.on_signals():
        assert stop.signal is None
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == signal.SIGINT
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == before
