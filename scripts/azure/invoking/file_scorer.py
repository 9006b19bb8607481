"""From an input to its row: read it, scale it down, have it scored, whatever happens on the way."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from typing import Any

from scripts.azure.invoking.inputs import STDIN
from scripts.azure.invoking.rows import Row, error_row, result_row
from scripts.azure.scoring.client import ScoringClient
from scripts.azure.scoring.errors import ScoringError
from scripts.azure.scoring.shrink import LIMITS, Shrunk, shrink

NOTHING_THERE = ("unreachable", "answer_invalid")
"""Before anything was answered these mean a wrong URL; later, something that passes."""


class FileScorer:
    """Turns inputs into rows. Safe from several threads.

    Args:
        client: The endpoint.
        options: Options of each request.
        original: Send the files as they are.
    """

    def __init__(self, client: ScoringClient, options: Mapping[str, Any], original: bool) -> None:
        self._client = client
        self._options = options
        self._original = original
        self._was_answered = False

    def __call__(self, file: str) -> Row:
        """Give the row of an input.

        Raises:
            ScoringError: No other input would be scored either.
        """
        try:
            data = _read(file)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            return error_row(file, "image_not_found", f"The file cannot be read: {reason}.")
        if len(data) > LIMITS.max_bytes:
            return error_row(
                file, "image_too_large", f"The file has more than {LIMITS.max_bytes} bytes."
            )
        image = Shrunk(data, None) if self._original else shrink(data)
        try:
            scored = self._client.score(image.data, self._options)
        except ScoringError as error:
            nothing_there = error.code in NOTHING_THERE and not self._was_answered
            if error.concerns_all or nothing_there:
                raise
            return error_row(file, error.code, error.what, error.attempts)
        self._was_answered = True
        return result_row(file, scored, image.size, len(data), len(image.data))


def _read(file: str) -> bytes:
    """Read an input, but hardly more of it than may be sent."""
    limit = LIMITS.max_bytes + 1
    if file == STDIN:
        return sys.stdin.buffer.read(limit)
    mode = os.stat(file).st_mode
    if stat.S_ISDIR(mode):
        os.scandir(file).close()  # which says why, where it cannot be listed
        raise ValueError("it is a folder without images")
    # Opening a pipe would wait for whoever writes into it.
    if not stat.S_ISREG(mode):
        raise ValueError("it is not a regular file")
    with open(file, "rb") as stream:
        return stream.read(limit)
