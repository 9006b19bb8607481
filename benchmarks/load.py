"""A client that loads a server, in a process of its own: requests in, what became of each out.

Open loop: requests leave by a schedule drawn beforehand, whether or not earlier ones have been
answered, and latency counts from the scheduled moment. A client that waits for answers would slow
down with the server and hide the queue. Closed loop, that is a fixed number of clients who do wait,
serves only to find the highest rate.

``python -m benchmarks.load`` reads a `Plan` as JSON and prints an `Outcome` as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import aiohttp

from scripts.paths import ROOT

TIMEOUT = 30.0
PROBE_INTERVAL = 0.5
REFUSED_PAUSE = 0.1
REFUSED = 429


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send.

    Attributes:
        url: Where requests go.
        health_url: What is probed meanwhile.
        bodies: JSON bodies, taken in turn.
        schedule: Open loop: seconds after the start at which to send.
        clients: Closed loop: how many clients send again as soon as they are answered ...
        seconds: ... and for how long.
    """

    url: str
    health_url: str
    bodies: Sequence[str]
    schedule: Sequence[float] = ()
    clients: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it was due and when it ended, in seconds after the start; its status.

    Status 0 stands for no answer: a broken connection, or none within `TIMEOUT`.
    """

    due: float
    ended: float
    status: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the requests, and how long each health probe took in seconds."""

    samples: list[Sample] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)


def run(plan: Plan) -> Outcome:
    """Carry out a plan in a process of its own, so that Python's lock is shared with nobody."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    outcome = json.loads(done.stdout)
    return Outcome([Sample(**sample) for sample in outcome["samples"]], outcome["probes"])


class _Client:
    def __init__(self, plan: Plan, session: aiohttp.ClientSession) -> None:
        self._plan = plan
        self._session = session
        self._started = time.perf_counter()
        self._bodies = itertools.cycle(plan.bodies)
        self._over = False
        self.outcome = Outcome()

    def _now(self) -> float:
        return time.perf_counter() - self._started

    async def _send(self, due: float) -> int:
        body = next(self._bodies)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(self._plan.url, data=body, headers=headers) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.outcome.samples.append(Sample(due, self._now(), status))
        return status

    async def _probe(self) -> None:
        due = self._now()
        try:
            async with self._session.get(self._plan.health_url) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            pass  # its time is noted all the same
        self.outcome.probes.append(self._now() - due)

    async def _probe_regularly(self) -> None:
        async with asyncio.TaskGroup() as probes:
            while not self._over:
                probes.create_task(self._probe())
                await asyncio.sleep(PROBE_INTERVAL)

    async def _open_loop(self) -> None:
        async with asyncio.TaskGroup() as requests:
            for due in self._plan.schedule:
                await asyncio.sleep(due - self._now())
                requests.create_task(self._send(due))

    async def _wait_and_send_again(self) -> None:
        while self._now() < self._plan.seconds:
            if await self._send(self._now()) == REFUSED:
                await asyncio.sleep(REFUSED_PAUSE)

    async def run(self) -> Outcome:
        async with asyncio.TaskGroup() as everything:
            everything.create_task(self._probe_regularly())
            async with asyncio.TaskGroup() as requests:
                requests.create_task(self._open_loop())
                for _ in range(self._plan.clients):
                    requests.create_task(self._wait_and_send_again())
            self._over = True
        return self.outcome


async def _main() -> None:
    plan = Plan(**json.load(sys.stdin))
    # As many connections as requests are open, none of them used twice at once.
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        outcome = await _Client(plan, session).run()
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    asyncio.run(_main())
