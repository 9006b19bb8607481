"""Judge a new deployment beside the old one, from probes and from Azure Monitor."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scripts.azure.rollout.metrics import Requests
from scripts.azure.scoring.errors import ScoringError
from scripts.azure.scoring.scorer import Scorer

LONGEST_INTERVAL = 30.0
"""Seconds between looks, of which each step has ten at least."""

SLACK_MS = 50.0
"""Differences in latency below this are never a breach."""
ENOUGH_FOR_P95 = 100
"""Requests without which a 95th percentile is that of a few slow ones."""

CHANCE = 0.01
"""Failures that would come about by chance less often than this are a breach. Small, because a step
is looked at many times."""

ReadMetrics = Callable[[str, datetime], Requests | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """When a new deployment is worse than may be.

    Attributes:
        errors: Failed requests, in percent, above those of the old deployment.
        slowdown: How many times the old deployment's latency.
        p95_ms: Latency of the new deployment whatever the old one's; None for any.
    """

    errors: float
    slowdown: float
    p95_ms: float | None = None


@dataclass(slots=True)
class Probes:
    """Own requests to one deployment."""

    milliseconds: list[float] = field(default_factory=list)
    failed: int = 0
    last_error: str = ""

    @property
    def total(self) -> int:
        """How many were sent."""
        return len(self.milliseconds) + self.failed

    def send(self, scorer: Scorer, image: bytes) -> None:
        """Send an image."""
        try:
            self.milliseconds.append(scorer.score(image).seconds * 1000)
        except ScoringError as error:
            self.failed += 1
            self.last_error = error.what


class Watch:
    """Watches one step of a rollout.

    Args:
        old: Name and client of the old deployment.
        new: Name and client of the new one.
        images: What to probe with.
        limits: When it is a breach.
        read_metrics: Reads Azure Monitor; None answers mean that it cannot be read.
    """

    def __init__(
        self,
        old: tuple[str, Scorer],
        new: tuple[str, Scorer],
        images: Sequence[bytes],
        limits: Limits,
        read_metrics: ReadMetrics,
    ) -> None:
        self._old, self._new = old, new
        self._images = images
        self._limits = limits
        self._read_metrics = read_metrics

    def run(self, seconds: float, *, old_is_live: bool) -> str | None:
        """Look again and again until the time is over or something is wrong.

        Args:
            seconds: How long. There is always at least one look.
            old_is_live: Whether the old deployment has traffic of the same kind, so that the
                latencies of both in Azure Monitor can be compared.

        Returns:
            What is wrong; None if nothing is.
        """
        interval = min(LONGEST_INTERVAL, seconds / 10)
        since, started = datetime.now(UTC), time.monotonic()
        probes = {self._old[0]: Probes(), self._new[0]: Probes()}
        while True:
            self._probe(probes)
            seen = {name: self._read_metrics(name, since) for name in probes}
            old, new = (seen[name] for name in probes)
            self._show(time.monotonic() - started, probes, new)
            breach = self._judge_probes(*probes.values())
            if breach is None and old is not None and new is not None:
                breach = self._judge_metrics(old, new, old_is_live=old_is_live)
            left = seconds - (time.monotonic() - started)
            if breach or left <= 0:
                return breach
            time.sleep(min(interval, left))

    def _probe(self, probes: dict[str, Probes]) -> None:
        """Send each image to both, each time to the other one first.

        So a moment in which the network or this machine is slow counts against both. Two failures
        of one say enough.
        """
        most = {name: sent.failed + 2 for name, sent in probes.items()}
        order = [self._old, self._new]
        for image in self._images:
            for name, scorer in order:
                if probes[name].failed < most[name]:
                    probes[name].send(scorer, image)
            order.reverse()

    def _judge_probes(self, old: Probes, new: Probes) -> str | None:
        name = self._new[0]
        if self._is_worse(new.failed, new.total, old.failed, old.total):
            return (
                f"{new.failed} of {new.total} probes of {name} failed ({old.failed} of {old.total} "
                f"of {self._old[0]}): {new.last_error}"
            )
        if old.milliseconds and new.milliseconds:
            before = statistics.median(old.milliseconds)
            after = statistics.median(new.milliseconds)
            if after > before * self._limits.slowdown + SLACK_MS:
                return f"probes of {name} take {after:.0f} ms, of {self._old[0]} {before:.0f} ms"
        return None

    def _judge_metrics(self, old: Requests, new: Requests, *, old_is_live: bool) -> str | None:
        name, limits = self._new[0], self._limits
        if self._is_worse(new.failed, new.total, old.failed, old.total):
            return (
                f"{new.failed:.0f} of {new.total:.0f} requests to {name} failed "
                f"({old.failed:.0f} of {old.total:.0f} to {self._old[0]})"
            )
        if new.p95_ms is None or new.total < ENOUGH_FOR_P95:
            return None
        if limits.p95_ms is not None and new.p95_ms > limits.p95_ms:
            return f"95th percentile of {name} is {new.p95_ms:.0f} ms"
        if not old_is_live or old.total < ENOUGH_FOR_P95 or old.p95_ms is None:
            return None
        if new.p95_ms > old.p95_ms * limits.slowdown + SLACK_MS:
            return (
                f"95th percentile of {name} is {new.p95_ms:.0f} ms, of {self._old[0]} "
                f"{old.p95_ms:.0f} ms"
            )
        return None

    def _is_worse(self, failed: float, total: float, old_failed: float, old_total: float) -> bool:
        tolerated = (old_failed / old_total if old_total else 0.0) + self._limits.errors / 100
        return exceeds(failed, total, tolerated)

    def _show(self, elapsed: float, probes: dict[str, Probes], new: Requests | None) -> None:
        parts = []
        for name, sent in probes.items():
            median = f"{statistics.median(sent.milliseconds):.0f} ms" if sent.milliseconds else "-"
            parts.append(f"{name} {median}, {sent.failed}/{sent.total} failed")
        monitor = (
            "cannot be read"
            if new is None
            else f"{new.total:.0f} requests to {self._new[0]}, {new.failed:.0f} failed"
            + (f", p95 {new.p95_ms:.0f} ms" if new.p95_ms else "")
        )
        minutes, seconds = divmod(int(elapsed), 60)
        print(
            f"  {minutes}:{seconds:02d}  probes: {'; '.join(parts)}.  Azure Monitor: {monitor}",
            flush=True,
        )


def exceeds(failed: float, total: float, rate: float) -> bool:
    """Whether so many failures can hardly be chance, were the true rate no higher than `rate`.

    The exact binomial test: one failure among few requests proves nothing, the same share of many
    requests does.

    Args:
        failed: Failed requests.
        total: All requests.
        rate: Tolerated share of failures.
    """
    k, n = round(failed), round(total)
    if k == 0 or rate >= 1:
        return False
    if rate <= 0:
        return True
    fewer = math.fsum(
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(i + 1)
            - math.lgamma(n - i + 1)
            + i * math.log(rate)
            + (n - i) * math.log1p(-rate)
        )
        for i in range(k)
    )
    return 1 - fewer < CHANCE
