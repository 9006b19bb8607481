from __future__ import annotations

import pytest

from scripts.azure.scoring import authorization
from scripts.azure.scoring.authorization import Authorization
from scripts.azure.scoring.client import ScoringClient, ScoringError
from tests.scripts.azure.moody_server import Answer, MoodyServer

IMAGE = b"an image"


class TestAuthorization:
    @pytest.mark.parametrize("repeats", [True, False])  # which an old key has nothing to do with
    def test_refused_key_is_fetched_again_once(self, server: MoodyServer, repeats: bool) -> None:
        keys = iter(["old", "new", "never"])
        fetch = Authorization(lambda: (next(keys), None))
        client = ScoringClient(server.url, fetch, repeats=repeats)
        server.answers = [Answer(401)]
        assert client.score(IMAGE).attempts == 2
        assert client.score(IMAGE).attempts == 1
        sent = [request.headers["Authorization"] for request in server.asked]
        assert sent == ["Bearer old", "Bearer new", "Bearer new"]

    @pytest.mark.parametrize("status", [401, 403])
    def test_refused_twice(self, server: MoodyServer, status: int) -> None:
        fetched: list[int] = []

        def fetch() -> tuple[str, None]:
            fetched.append(1)
            return "key", None

        server.answers = [Answer(status)] * 9
        with pytest.raises(ScoringError) as caught:
            ScoringClient(server.url, Authorization(fetch)).score(IMAGE)
        assert caught.value.status == status
        assert caught.value.concerns_all
        assert len(fetched) == len(server.asked) == 2

    def test_one_fetch_for_all_threads_that_were_refused(self) -> None:
        fetched: list[int] = []

        def fetch() -> tuple[str, None]:
            fetched.append(1)
            return f"key{len(fetched)}", None

        key = Authorization(fetch)
        refused = key()
        for _ in range(8):
            key.renew(refused)
            key()
        assert len(fetched) == 2

    def test_token_is_renewed_in_time(self) -> None:
        now = 1000.0
        expiries = iter([1060.0, 2000.0])
        tokens = iter(["first", "second"])
        token = Authorization(lambda: (next(tokens), next(expiries)), clock=lambda: now)
        assert [token(), token()] == ["Bearer first"] * 2
        now = 1059.0
        assert token() == "Bearer first"
        now = 1060.0
        assert [token(), token()] == ["Bearer second"] * 2

    def test_clock_that_is_ahead(self) -> None:
        now = 5000.0
        tokens = iter(["only", "another"])
        token = Authorization(lambda: (next(tokens), now - 3600), clock=lambda: now)
        assert [token(), token()] == ["Bearer only"] * 2
        now += authorization.AT_MOST_EVERY
        assert token() == "Bearer another"
