"""Each server by itself: idle latency, saturation, then open-loop load at shares of that."""

from __future__ import annotations

import base64
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import load, mixed_images
from benchmarks.forms import Form
from benchmarks.results import Row
from benchmarks.servers.findings import (
    OK,
    Findings,
    Offered,
    latencies,
    load_rows,
    saturation_row,
)
from benchmarks.servers.peers import OURS, PEERS
from benchmarks.worker import Worker
from nsfw_detector.engines.cpu import fast_float
from scripts.local_server import ServerStartError

CLIENTS = 8  # of the closed loop: LitServe can fill a batch while another is being computed
WARM_UP_SECONDS = 1.0
BARE_ENGINE = f"ours {fast_float()}, forward pass alone"
IMAGES = 100
SEED = 0


def measure(
    checkpoint: Path, photos: Sequence[Path], form: Form, names: Sequence[str] = tuple(PEERS)
) -> dict[str, list[Row]]:
    """Returns the tables "saturation" and "servers"."""
    notes = {name: PEERS[name].why_not() for name in names}
    findings: dict[str, Findings] = {}
    # All different, because a server may compute what is in flight twice only once.
    cut_outs = mixed_images.photographs(photos, IMAGES)
    images = [base64.b64encode(data).decode() for data in cut_outs]
    for name in (name for name in names if not notes[name]):
        print(f"  {name}", file=sys.stderr)
        try:
            findings[name] = _measure_server(name, checkpoint, photos[0], images, form)
        except ServerStartError as error:
            notes[name] = f"failed: {str(error).strip().splitlines()[-1]}"
    return {
        "saturation": [saturation_row(name, findings.get(name), notes[name]) for name in names],
        "servers": load_rows(findings),
    }


def _measure_server(
    name: str, checkpoint: Path, photo: Path, images: list[str], form: Form
) -> Findings:
    peer = PEERS[name]
    with ExitStack() as stack:
        server = stack.enter_context(peer.start(checkpoint))
        plan = load.Plan(server.url + peer.path, server.health_url, peer.bodies(images))
        found = Findings(server.start_seconds)
        load.run(replace(plan, clients=1, seconds=WARM_UP_SECONDS))
        alone = load.run(replace(plan, clients=1, seconds=form.saturation_seconds / 2))
        if not latencies(alone):
            statuses = sorted({sample.status for sample in alone.samples})
            raise ServerStartError(f"no answer but with status {statuses}")
        found.idle_seconds = statistics.median(latencies(alone))
        # The engine by itself is measured while the server stands idle, in turn with it, so that
        # both meet the same machine.
        worker = Worker(BARE_ENGINE, checkpoint, photo) if name == OURS else None
        engine = stack.enter_context(worker) if worker else None
        for _ in range(form.saturations):
            busy = load.run(replace(plan, clients=CLIENTS, seconds=form.saturation_seconds))
            found.saturations.append(_answers_per_second(busy))
            if engine:
                found.engine_rates.append(_engine_rate(engine, photo, form.saturation_seconds))
        for share in form.loads:
            print(f"    at {share:.0%} of {found.saturation:.2f}/s", file=sys.stderr)
            rate = share * found.saturation
            schedule = poisson(rate, form.load_seconds, form.load_requests)
            outcome = load.run(replace(plan, schedule=schedule))
            cut_short = len(schedule) == form.load_requests
            seconds = schedule[-1] if cut_short else form.load_seconds
            found.loads.append(Offered(share, rate, seconds, outcome))
    return found


def poisson(rate: float, seconds: float, most: int) -> list[float]:
    """Moments of random arrivals, for as long as asked but not more than so many, at least one.

    The same seed for all: every server meets the same pattern, stretched to its own rate.
    """
    gaps = np.random.default_rng(SEED).exponential(1 / rate, most)
    moments: list[float] = np.cumsum(gaps).tolist()
    return [moment for moment in moments if moment <= seconds] or moments[:1]


def _answers_per_second(outcome: load.Outcome) -> float:
    answered = [sample.ended for sample in outcome.samples if sample.status == OK]
    return len(answered) / max(answered)


def _engine_rate(engine: Worker, photo: Path, seconds: float) -> float:
    taken: list[float] = []
    while sum(taken) < seconds:
        taken.append(engine.run(photo).seconds)
    return len(taken) / sum(taken)
