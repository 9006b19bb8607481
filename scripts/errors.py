"""The error of the scripts for operators: what went wrong, and what to do next."""

from __future__ import annotations


class OperatorError(Exception):
    """A step could not be done. Ends a script with status 1, without a traceback.

    Args:
        what: What was wrong, naming the thing it is about.
        remedy: What the person can do next.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n{remedy}")
        self.what = what
        self.remedy = remedy
