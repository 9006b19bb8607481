"""The states of what Azure does in the background: wait for it, and show that it is still at it."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from scripts.azure.quiet import quiet_uploads

if TYPE_CHECKING:
    from azure.core.polling import LROPoller

INTERVAL = 10.0
"""Seconds between looks. Deployments take minutes."""

UNDER_WAY = {"Creating", "Updating", "Scaling", "Deleting", "Provisioning"}
"""Provisioning states of what will change again by itself; Azure refuses changes meanwhile."""

GONE = "gone"
"""In place of a state: Azure has no such resource (any more)."""


def state_of(resource: Any) -> str:
    """Provisioning state of an endpoint, deployment or cluster, such as `Succeeded`."""
    return plain(resource.provisioning_state)


def plain(state: Any) -> str:
    """A state as text; some of the SDK's classes have an enumeration, whose text is another."""
    return str(getattr(state, "value", state) or "unknown")


def perform(
    what: str,
    begin: Callable[[], LROPoller[Any]],
    get_state: Callable[[], str],
    interval: float = INTERVAL,
) -> str:
    """Have Azure do something, and wait until it is done.

    Args:
        what: The thing that is worked on, as a person calls it.
        begin: Begins the operation with the SDK.
        get_state: Asks Azure for the thing's provisioning state.
        interval: Seconds between looks.

    Returns:
        The state in which it ended.

    Raises:
        AzureError: It was refused, or it failed; says why.
    """
    out = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):  # from another thread, the SDK prints dots
        with quiet_uploads():
            poller = begin()

        def look() -> tuple[str, bool]:
            is_done = poller.done()  # before the state, so that the last state shown is final
            return get_state(), is_done

        state = _wait(what, look, poller.wait, interval, out)
        poller.result()
    return state


def wait_for(what: str, get_state: Callable[[], str], interval: float = INTERVAL) -> str:
    """Wait for an operation that another run began.

    Args:
        what: The thing that is worked on, as a person calls it.
        get_state: Asks Azure for the thing's provisioning state.
        interval: Seconds between looks.

    Returns:
        The state in which it ended.
    """

    def look() -> tuple[str, bool]:
        state = get_state()
        return state, state not in UNDER_WAY

    return _wait(what, look, time.sleep, interval, sys.stdout)


def _wait(
    what: str,
    look: Callable[[], tuple[str, bool]],
    sleep: Callable[[float], None],
    interval: float,
    out: TextIO,
) -> str:
    started = time.monotonic()
    is_terminal = out.isatty()
    state, shown = "begun", ""
    try:
        while True:
            state, is_done = look()
            minutes, seconds = divmod(int(time.monotonic() - started), 60)
            line = f"{what}: {state} after {minutes}:{seconds:02d} min"
            if is_terminal:
                out.write(f"\r{line}  ")
            elif state != shown:
                out.write(f"{line}\n")
            out.flush()
            shown = state
            if is_done:
                break
            sleep(interval)
    except KeyboardInterrupt:
        print(f"\nAzure goes on with {what}, which is: {state}.", file=sys.stderr)
        raise
    if is_terminal:
        out.write("\n")
    return state
