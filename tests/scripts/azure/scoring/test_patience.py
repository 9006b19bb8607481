"""What is tried again, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from scripts.azure.scoring import patience
from scripts.azure.scoring.client import ScoringClient, ScoringError
from tests.scripts.azure.moody_server import RESULT, Answer, MoodyServer, image_error, model_error
from tests.scripts.azure_workspace import wait_until

IMAGE = b"an image"


class TestRepeats:
    @pytest.mark.parametrize(
        ("failure", "attempts"),
        [
            (Answer(408), 3),
            (Answer(500), 3),
            (Answer(502), 5),
            (Answer(503), 7),
            (Answer(504), 3),
            (Answer(0), 5),
            (model_error(500), 3),
            (model_error(503), 7),
            (model_error(504), 3),
            (Answer(424), 5),  # the container broke off
            (image_error("deadline_exceeded"), 3),
            (image_error("inference_failed"), 3),
            (Answer(400), 1),
            (Answer(401), 1),
            (Answer(403), 1),
            (Answer(404), 1),
            (Answer(413), 1),
            (Answer(418), 1),
            (model_error(400), 1),
            (model_error(413), 1),
            (Answer(200, b"<html>Sign in</html>"), 1),
            (Answer(200, {"results": []}), 1),
            (Answer(302, headers={"Location": "/login"}), 1),
        ],
    )
    def test_as_each_failure_deserves(
        self, server: MoodyServer, failure: Answer, attempts: int
    ) -> None:
        server.answers = [failure] * 50
        with pytest.raises(ScoringError) as caught:
            ScoringClient(server.url, timeout=5).score(IMAGE)
        assert caught.value.attempts == attempts
        assert len(server.asked) == attempts
        assert caught.value.remedy

    @pytest.mark.parametrize("failure", [Answer(0), Answer(429), Answer(500), model_error(503)])
    def test_none_for_who_counts_failures(self, server: MoodyServer, failure: Answer) -> None:
        server.answers = [failure]
        with pytest.raises(ScoringError):
            ScoringClient(server.url, repeats=False).score(IMAGE)
        assert len(server.asked) == 1

    def test_success_after_failures(self, server: MoodyServer) -> None:
        server.answers = [Answer(503), Answer(0), model_error(429), Answer(502, b"Bad gateway")]
        scored = ScoringClient(server.url).score(IMAGE)
        assert scored.result == RESULT
        assert scored.attempts == 5
        assert len({request.body for request in server.asked}) == 1

    def test_overload_is_waited_out(self, server: MoodyServer) -> None:
        server.answers = [Answer(429)] * 8
        assert ScoringClient(server.url).score(IMAGE).attempts == 9

    def test_waits_grow_and_differ(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(patience, "FIRST_WAIT", 0.5)
        error = ScoringError("", 503, "x")
        runs = [[p.wait_after(error) for _ in range(6)] for p in map(patience.Patience, [60] * 20)]
        for waits in runs:
            for n, wait in enumerate(waits):
                assert wait is not None
                longest = min(patience.LONGEST_WAIT, 0.5 * 2**n)
                assert longest / 2 <= wait <= longest
        assert len({run[0] for run in runs}) > 10

    @pytest.mark.parametrize("status", [429, 503])
    def test_retry_after_seconds(self, server: MoodyServer, status: int) -> None:
        server.answers = [model_error(status, **{"Retry-After": "1"})]
        ScoringClient(server.url).score(IMAGE)
        assert server.times[1] - server.times[0] >= 1.0

    def test_retry_after_is_added_to_the_wait(self) -> None:
        wait = patience.Patience(60).wait_after(ScoringError("", 429, "x", retry_after=7))
        assert wait is not None
        assert 7 <= wait <= 7 + patience.FIRST_WAIT

    def test_retry_after_date(self, server: MoodyServer) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
        server.answers = [Answer(429, headers={"Retry-After": date})]
        ScoringClient(server.url).score(IMAGE)
        # A date has whole seconds, and some of them may have passed until it was read.
        answered = datetime.now(UTC).replace(microsecond=0)
        assert answered >= parsedate_to_datetime(date)

    def test_retry_after_nonsense(self, server: MoodyServer) -> None:
        server.answers = [Answer(429, headers={"Retry-After": "soon"})]
        assert ScoringClient(server.url).score(IMAGE).attempts == 2

    def test_told_to_wait_longer_than_there_is_time(self, server: MoodyServer) -> None:
        server.answers = [Answer(429, headers={"Retry-After": "3600"})]
        with pytest.raises(ScoringError) as caught:
            ScoringClient(server.url).score(IMAGE)
        assert caught.value.attempts == 1

    def test_total_time(self) -> None:
        seconds = 0.0
        left = patience.Patience(60, clock=lambda: seconds)
        waits = []
        while (wait := left.wait_after(ScoringError("", 429, "x"))) is not None:
            waits.append(wait)
            seconds += wait
        assert len(waits) > 6
        assert sum(waits) < 60
        assert left.left == pytest.approx(60 - sum(waits))

    def test_time_that_is_over(self, server: MoodyServer) -> None:
        server.answers = [Answer(429)] * 1000
        with pytest.raises(ScoringError):
            ScoringClient(server.url, timeout=0.3).score(IMAGE)
        assert 0 < len(server.asked) < 1000

    def test_slow_answer(self, server: MoodyServer) -> None:
        server.answers = [Answer(seconds=60)]
        scored = ScoringClient(server.url, timeout=8).score(IMAGE)  # 4 s for one attempt
        assert scored.attempts == 2
        assert scored.seconds < 4  # of the second alone

    def test_never_an_answer(self, server: MoodyServer) -> None:
        server.answers = [Answer(seconds=60)] * 9
        with pytest.raises(ScoringError) as caught:
            ScoringClient(server.url, timeout=2).score(IMAGE)
        assert caught.value.code == "timeout"

    def test_answer_cut_off(self, server: MoodyServer) -> None:
        server.answers = [Answer(headers={"Content-Length": "9999", "Connection": "close"})]
        assert ScoringClient(server.url).score(IMAGE).attempts == 2

    def test_close_ends_waits(self, server: MoodyServer) -> None:
        server.answers = [Answer(429, headers={"Retry-After": "3000"})] * 2
        client = ScoringClient(server.url, timeout=4000)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client.score, IMAGE)
            wait_until(lambda: bool(server.asked))
            client.close()
            with pytest.raises(ScoringError):
                waiting.result(timeout=60)
        assert len(server.asked) == 1
