"""What a check has to say about a deployment before it is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "ok"]
MARKS: dict[Severity, str] = {"error": "ERROR", "warning": "warn ", "ok": "ok   "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        severity: `error`: deploying would fail or serve wrongly; `warning`: worth a thought.
        what: What was found, naming the file and field.
        why: What it leads to. Empty for `ok`.
        how: How to mend it. Empty for `ok`.
    """

    severity: Severity
    what: str
    why: str = ""
    how: str = ""


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings, errors last, so that they are what one sees."""
    order = ("ok", "warning", "error")
    for finding in sorted(findings, key=lambda f: order.index(f.severity)):
        print(f"{MARKS[finding.severity]}  {finding.what}")
        if finding.why:
            print(f"         why: {finding.why}")
        if finding.how:
            print(f"         how: {finding.how}")
