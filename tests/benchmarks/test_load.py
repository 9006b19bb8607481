"""The client that loads servers, against servers whose behaviour is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from benchmarks.load import Outcome, Plan, run

SERVICE_SECONDS = 0.1


class Handler(BaseHTTPRequestHandler):
    """Answers what the path says after a fixed time, or `/together`: to ten at once, else to none.

    Attributes:
        all_ten: Where the ten wait for each other.
    """

    all_ten = threading.Barrier(10)

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/break":
            self.close_connection = True
            return
        if self.path == "/together":
            with suppress(threading.BrokenBarrierError):
                self.all_ten.wait(timeout=20)
            self._answer(500 if self.all_ten.broken else 200)
            return
        time.sleep(SERVICE_SECONDS)
        self._answer(int(self.path[1:]))

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def serve(server_type: type[HTTPServer]) -> Iterator[str]:
    server = server_type(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.request_queue_size = 64  # of the five by default, clients that find no place come back
    server.server_bind()
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def one_at_a_time() -> Iterator[str]:
    yield from serve(HTTPServer)


@pytest.fixture
def many_at_once() -> Iterator[str]:
    yield from serve(ThreadingHTTPServer)


def statuses(outcome: Outcome) -> list[int]:
    return [sample.status for sample in outcome.samples]


def test_open_loop_counts_from_the_schedule(one_at_a_time: str) -> None:
    """Ten requests due at once, served one after another: the last waited for all others."""
    plan = Plan(f"{one_at_a_time}/200", one_at_a_time, ["{}"], schedule=[0.0] * 10)
    outcome = run(plan)
    assert statuses(outcome) == [200] * 10
    latencies = sorted(sample.ended - sample.due for sample in outcome.samples)
    for place, latency in enumerate(latencies, start=1):
        assert latency >= place * SERVICE_SECONDS


def test_the_probe_feels_a_server_that_is_blocked(one_at_a_time: str) -> None:
    plan = Plan(f"{one_at_a_time}/200", one_at_a_time, ["{}"], schedule=[0.0] * 10)
    assert max(run(plan).probes) > SERVICE_SECONDS


def test_open_loop_does_not_wait_for_answers(many_at_once: str) -> None:
    schedule = [0.02 * i for i in range(10)]
    outcome = run(Plan(f"{many_at_once}/together", many_at_once, ["{}"], schedule=schedule))
    assert sorted(sample.due for sample in outcome.samples) == pytest.approx(schedule)
    assert statuses(outcome) == [200] * 10


def test_closed_loop_keeps_as_many_open_as_clients(many_at_once: str) -> None:
    outcome = run(Plan(f"{many_at_once}/200", many_at_once, ["{}"], clients=3, seconds=0.5))
    assert set(statuses(outcome)) == {200}
    assert all(sample.due <= 0.5 for sample in outcome.samples)
    moments = [(sample.due, 1) for sample in outcome.samples]
    moments += [(sample.ended, -1) for sample in outcome.samples]
    open_now = peak = 0
    for _, step in sorted(moments):
        open_now += step
        peak = max(peak, open_now)
    assert peak == 3


@pytest.mark.parametrize(("path", "status"), [("429", 429), ("500", 500), ("break", 0)])
def test_what_is_not_answered_well_is_told(many_at_once: str, path: str, status: int) -> None:
    outcome = run(Plan(f"{many_at_once}/{path}", many_at_once, ["{}"], schedule=[0.0, 0.1]))
    assert statuses(outcome) == [status, status]
