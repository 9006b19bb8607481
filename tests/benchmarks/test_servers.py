"""The servers under load, and the tables of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.forms import Form
from benchmarks.load import Outcome, Sample
from benchmarks.servers.findings import SLO, Findings, Offered, load_rows
from benchmarks.servers.measure import measure, poisson
from benchmarks.servers.peers import OURS, PEERS, Peer


def test_every_server_is_measured(small: Path, pictures: list[Path], form: Form) -> None:
    tables = measure(small, pictures, form)
    saturation = {row["server"]: row for row in tables["saturation"]}
    assert list(saturation) == list(PEERS), "nobody is dropped"
    measured = [name for name, peer in PEERS.items() if not peer.why_not()]
    for name in measured:
        assert saturation[name]["note"] == ""
        assert float(saturation[name]["saturation_per_s"] or 0) > 0
    assert float(saturation[OURS]["share_of_engine"] or 0) > 0
    rows = tables["servers"]
    assert [(row["server"], row["load"]) for row in rows] == [
        (name, share) for name in measured for share in form.loads
    ]
    for row in rows:
        assert 1 <= int(row["requests"] or 0) <= form.load_requests
        assert row["errors"] == 0
        values = [value for column, value in row.items() if column != "server"]
        assert all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def test_what_cannot_be_measured_says_why(
    small: Path, tmp_path: Path, pictures: list[Path], form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, body = PEERS[OURS].start, PEERS[OURS].body
    peers = {
        "no checkpoint": Peer(lambda _: start(tmp_path), "/score", body),
        "refuses": Peer(start, "/nowhere", body),
        "absent": Peer(start, "/score", body, needs=("no_such_module",)),
    }
    for name, peer in peers.items():
        monkeypatch.setitem(PEERS, name, peer)
    tables = measure(small, pictures, form, list(peers))
    notes = {row["server"]: str(row["note"]) for row in tables["saturation"]}
    assert notes["no checkpoint"].startswith("failed: ")
    assert notes["refuses"] == "failed: no answer but with status [404]"
    assert notes["absent"] == "not installed: no_such_module"
    assert tables["servers"] == []


def test_poisson_arrivals() -> None:
    moments = poisson(rate=50, seconds=100, most=10_000)
    assert moments == poisson(rate=50, seconds=100, most=10_000)
    assert max(moments) <= 100
    assert len(moments) == pytest.approx(5000, rel=0.05)
    gaps = np.diff(moments)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1), "as a Poisson process has it"
    assert len(poisson(rate=50, seconds=100, most=7)) == 7
    assert len(poisson(rate=0.001, seconds=1, most=7)) == 1, "at least one"


def test_the_table_counts_every_request_once() -> None:
    """Ten requests in five seconds: six in time, one late, two refused, one without an answer."""
    samples = [Sample(float(i), i + 0.1, 200) for i in range(6)]
    samples += [Sample(6.0, 6.0 + SLO + 1, 200), Sample(7.0, 7.01, 429), Sample(8.0, 8.01, 429)]
    samples += [Sample(9.0, 39.0, 0)]
    offered = Offered(0.5, 2.0, 5.0, Outcome(samples, [0.25, 0.5]))
    found = Findings(ready_seconds=1.0, idle_seconds=1.0, loads=[offered])
    (row,) = load_rows({"server": found})
    assert (row["requests"], row["rejected"], row["errors"]) == (10, 2, 1)
    assert row["good_per_s"] == 6 / 5
    assert (row["p50_ms"], row["max_ms"]) == (100.0, 6000.0)
    assert row["health_max_ms"] == 500.0
