"""What was measured of a server, and the tables of it."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from benchmarks.load import REFUSED, Outcome
from benchmarks.results import Row

OK = 200
PERCENTILES = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
SLO = 5  # times what the slowest server takes when it is idle; one limit for all


@dataclass(frozen=True, slots=True)
class Offered:
    """A load: as a share of the server's own saturation, per second, and what became of it."""

    share: float
    per_second: float
    seconds: float
    outcome: Outcome


@dataclass(slots=True)
class Findings:
    """What was measured of one server.

    Attributes:
        ready_seconds: From the start of its process until it was ready.
        idle_seconds: Median latency of one request at a time.
        saturations: Answers per second in closed loop, of each measurement.
        engine_rates: Images per second of the bare engine, measured after each of these.
        loads: Of the open loop.
    """

    ready_seconds: float
    idle_seconds: float = 0.0
    saturations: list[float] = field(default_factory=list)
    engine_rates: list[float] = field(default_factory=list)
    loads: list[Offered] = field(default_factory=list)

    @property
    def saturation(self) -> float:
        """Answers per second at most."""
        return statistics.median(self.saturations)

    @property
    def share_of_engine(self) -> float | None:
        """Saturation as a share of the bare engine's rate; median of the pairs."""
        pairs = zip(self.saturations, self.engine_rates, strict=False)
        shares = [server / engine for server, engine in pairs]
        return statistics.median(shares) if shares else None


def latencies(outcome: Outcome) -> list[float]:
    """Seconds from when each request was due to its answer, of those that were answered."""
    return [sample.ended - sample.due for sample in outcome.samples if sample.status == OK]


def saturation_row(name: str, found: Findings | None, note: str) -> Row:
    """How fast a server is ready, answers alone, and answers at most."""
    share = found.share_of_engine if found else None
    return {
        "server": name,
        "ready_s": round(found.ready_seconds, 1) if found else None,
        "idle_ms": round(found.idle_seconds * 1000, 1) if found else None,
        "saturation_per_s": round(found.saturation, 2) if found else None,
        "share_of_engine": None if share is None else round(share, 3),
        "note": note,
    }


def load_rows(findings: dict[str, Findings]) -> list[Row]:
    """One row for each server and load."""
    limit = SLO * max((found.idle_seconds for found in findings.values()), default=0.0)
    return [
        _load_row(name, offered, limit)
        for name, found in findings.items()
        for offered in found.loads
    ]


def _load_row(name: str, offered: Offered, limit: float) -> Row:
    taken = latencies(offered.outcome)
    statuses = Counter(sample.status for sample in offered.outcome.samples)
    good = sum(seconds <= limit for seconds in taken)
    return {
        "server": name,
        "load": offered.share,
        "offered_per_s": round(offered.per_second, 2),
        "requests": len(offered.outcome.samples),
        **{column: _percentile(taken, percent) for column, percent in PERCENTILES.items()},
        "slo_ms": round(limit * 1000),
        "good_per_s": round(good / offered.seconds, 2),
        "rejected": statuses[REFUSED],
        "errors": statuses.total() - statuses[OK] - statuses[REFUSED],
        "health_max_ms": round(max(offered.outcome.probes) * 1000, 1),
    }


def _percentile(seconds: list[float], percent: float) -> float | None:
    """In milliseconds; one of the values measured, never between two."""
    if not seconds:
        return None
    return round(float(np.percentile(seconds, percent, method="inverted_cdf")) * 1000, 1)
