"""Azure makes one change of an endpoint at a time, and refuses others: wait, and try again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from azure.core.exceptions import HttpResponseError

from scripts.errors import OperatorError

WAITS = (5.0, 15.0, 30.0, 60.0, 60.0)
"""Seconds between attempts."""


def wait_out(conflict: HttpResponseError, waits: Iterator[float]) -> None:
    """Wait until it is time for another attempt.

    Args:
        conflict: Why the latest attempt was refused.
        waits: What is left of `WAITS`.

    Raises:
        HttpResponseError: It was refused for another reason.
        OperatorError: It has been refused too often.
    """
    if conflict.status_code != 409:
        raise conflict
    wait = next(waits, None)
    if wait is None:
        raise OperatorError(
            "Another change of the endpoint is still under way.",
            "See which, for instance with `az ml online-deployment list`; run this again when it "
            "is done.",
        ) from conflict
    print(f"Another change of the endpoint is under way; next try in {wait:g} s.", flush=True)
    time.sleep(wait)
