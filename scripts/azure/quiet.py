"""Keep the SDK from writing what only a terminal can show."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_uploads() -> Iterator[None]:
    """Around an upload: without a terminal, its control characters and blank lines go nowhere.

    The SDK's own `show_progress=False` is no way: after an upload that fails it waits for ever.
    """
    if sys.stderr.isatty():
        yield
        return
    with contextlib.redirect_stderr(io.StringIO()):
        yield
