from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient

from scripts.azure.scoring import authorization, patience
from scripts.azure.scoring.authorization import Authorization
from scripts.azure.scoring.client import ScoringClient, ScoringError, connect_endpoint
from scripts.azure.workspace import connect
from scripts.errors import OperatorError
from scripts.local_server import LocalServer
from scripts.paths import SAMPLES
from tests.cloud.cloud import Cloud
from tests.scripts.azure.deployed import ENDPOINT, deploy, make_endpoint
from tests.scripts.azure.moody_server import RESULT, Answer, MoodyServer, image_error
from tests.scripts.azure_workspace import wait_until

IMAGE = b"an image"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.005)


@pytest.fixture
def server() -> Iterator[MoodyServer]:
    with MoodyServer() as server:
        yield server


def model_error(status: int, body: Any = None, **headers: str) -> Answer:
    """What Azure makes of another status than 200 of the container."""
    return Answer(424, body or {}, {"ms-azureml-model-error-statuscode": str(status), **headers})


class TestAgainstTheRealServer:
    def test_result(self, demo_server: LocalServer, photos: list[Path]) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        levels = {p.name: client.score(p.read_bytes()).result["level"] for p in photos}
        assert levels["demo-high.png"] == "high"
        assert levels["cat.jpg"] == "neutral"

    def test_image_that_cannot_be_scored_is_a_result(self, demo_server: LocalServer) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        assert client.score(b"text").result["error"]["code"] == "image_format_unsupported"
        assert client.score(b"").result["error"]["code"] == "image_empty"

    def test_bytes_that_look_like_a_form(self, demo_server: LocalServer) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        scored = client.score(b'\r\n--boundary--\r\nContent-Disposition: form-data; name="options"')
        assert scored.result["error"]["code"] == "image_format_unsupported"

    def test_options(self, demo_server: LocalServer, photos: list[Path]) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        [image] = [p.read_bytes() for p in photos if p.name == "demo-medium.png"]
        strict = {"policy": {"block": {"medium": 0.5}}, "return": ["scores", "embedding"]}
        assert client.score(image).result["decision"] == "review"
        result = client.score(image, strict).result
        assert result["decision"] == "block"
        assert result["embedding"]

    def test_options_not_valid(self, demo_server: LocalServer) -> None:
        client = ScoringClient(f"{demo_server.url}/score")
        with pytest.raises(ScoringError, match=r"block\.extreme") as caught:
            client.score(IMAGE, {"policy": {"block": {"extreme": 0.5}}})
        assert caught.value.code == "policy_invalid"
        assert caught.value.concerns_all
        assert caught.value.attempts == 1

    def test_wrong_path(self, demo_server: LocalServer) -> None:
        with pytest.raises(ScoringError) as caught:
            ScoringClient(demo_server.url).score(IMAGE)
        assert caught.value.status == 405
        assert "/score" in caught.value.remedy


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


class TestErrors:
    @pytest.mark.parametrize(
        ("body", "code", "message"),
        [
            ({"error": {"code": "overloaded", "message": "Too much."}}, "overloaded", "Too much."),
            ({"message": "An unexpected error"}, "http_413", "An unexpected error"),
            ({"error": "plain"}, "http_413", "plain"),
            ({"other": 1}, "http_413", "other"),
            (b"\xff\xfe", "http_413", "413"),
            (b"", "http_413", "Entity Too Large"),
            ([1], "http_413", "1"),
        ],
    )
    def test_what_the_server_says_is_shown(
        self, server: MoodyServer, body: Any, code: str, message: str
    ) -> None:
        server.answers = [Answer(413, body)]
        with pytest.raises(ScoringError, match=message) as caught:
            ScoringClient(server.url).score(IMAGE)
        assert caught.value.code == code

    def test_status_of_the_container(self, server: MoodyServer) -> None:
        body = {"error": {"code": "request_too_large", "message": "Too large."}}
        server.answers = [model_error(413, body)]
        with pytest.raises(ScoringError, match="413: Too large") as caught:
            ScoringClient(server.url).score(IMAGE)
        assert caught.value.status == 413
        assert not caught.value.concerns_all

    @pytest.mark.parametrize("told", ["", "unknown", "-1", "²"])
    def test_status_that_is_none(self, server: MoodyServer, told: str) -> None:
        encoded = told.encode().decode("latin-1")
        server.answers = [Answer(424, {}, {"ms-azureml-model-error-statuscode": encoded})]
        assert ScoringClient(server.url).score(IMAGE).attempts == 2

    def test_redirect_is_not_followed(self, server: MoodyServer) -> None:
        server.answers = [Answer(302, headers={"Location": "/login"})]
        with pytest.raises(ScoringError) as caught:
            ScoringClient(server.url).score(IMAGE)
        assert caught.value.status == 302
        assert caught.value.concerns_all

    def test_nobody_listens(self) -> None:
        with MoodyServer() as server:
            url = server.url
        with pytest.raises(ScoringError, match="refused") as caught:
            ScoringClient(url).score(IMAGE)
        assert caught.value.code == "unreachable"
        assert caught.value.attempts == 5


class TestRequests:
    def test_what_is_sent(self, server: MoodyServer) -> None:
        ScoringClient(server.url, lambda: "Bearer k", "green").score(IMAGE)
        [asked] = server.asked
        assert asked.path == "/score"
        assert asked.headers["Authorization"] == "Bearer k"
        assert asked.headers["azureml-model-deployment"] == "green"
        assert "filename" not in asked.body.decode()

    def test_no_deployment_no_key(
        self, server: MoodyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password secret\n")
        monkeypatch.setenv("NETRC", str(netrc))
        ScoringClient(server.url).score(IMAGE)
        [asked] = server.asked
        assert asked.headers["Authorization"] is None
        assert asked.headers["azureml-model-deployment"] is None

    def test_connections_are_kept(self, server: MoodyServer) -> None:
        client = ScoringClient(server.url)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(client.score, [IMAGE] * 80))
        assert len(server.asked) == 80
        assert server.connections <= 8


class TestAuthorization:
    def test_refused_key_is_fetched_again_once(self, server: MoodyServer) -> None:
        keys = iter(["old", "new", "never"])
        client = ScoringClient(server.url, Authorization(lambda: (next(keys), None)))
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


@pytest.fixture
def workspace(cloud: Cloud) -> MLClient:
    return connect(cloud.workspace)


class TestOnAzure:
    @pytest.mark.parametrize("auth_mode", ["key", "aml_token", "aad_token"])
    def test_every_kind_of_key(
        self, cloud: Cloud, workspace: MLClient, tmp_path: Path, auth_mode: str
    ) -> None:
        deploy(workspace, tmp_path, auth_mode)
        client = connect_endpoint(workspace, ENDPOINT)
        sample = SAMPLES / "demo-high.png"
        for _ in range(3):
            assert client.score(sample.read_bytes()).result["level"] == "high"
        assert client.score(b"text").result["error"]["code"] == "image_format_unsupported"
        asked = [r.path for r in cloud.requests if r.path.endswith(("/listKeys", "/token"))]
        assert len([path for path in asked if ENDPOINT in path]) == (auth_mode != "aad_token")

    def test_key_regenerated_and_deployment_named(
        self, cloud: Cloud, workspace: MLClient, tmp_path: Path
    ) -> None:
        deploy(workspace, tmp_path, "key", traffic=0)
        image = (SAMPLES / "cat.jpg").read_bytes()
        with pytest.raises(ScoringError) as caught:
            connect_endpoint(workspace, ENDPOINT).score(image)
        assert caught.value.status == 404
        assert "traffic" in caught.value.remedy

        client = connect_endpoint(workspace, ENDPOINT, "blue")
        assert client.score(image).attempts == 1
        workspace.online_endpoints.begin_regenerate_keys(ENDPOINT, key_type="primary").result()
        assert client.score(image).attempts == 2
        assert client.score(image).attempts == 1

        with pytest.raises(OperatorError, match="no deployment green") as missing:
            connect_endpoint(workspace, ENDPOINT, "green")
        assert "blue" in missing.value.remedy

    def test_platform_refuses_for_a_while(
        self, cloud: Cloud, workspace: MLClient, tmp_path: Path
    ) -> None:
        deploy(workspace, tmp_path, "key")
        client = connect_endpoint(workspace, ENDPOINT)
        image = (SAMPLES / "cat.jpg").read_bytes()
        cloud.answer_next("POST", "inference.ml.azure.com/score", 429, times=3)
        assert client.score(image).attempts == 4

    def test_no_such_endpoint(self, cloud: Cloud, workspace: MLClient) -> None:
        with pytest.raises(OperatorError, match="no online endpoint elsewhere"):
            connect_endpoint(workspace, "elsewhere")

    def test_endpoint_without_deployment(self, cloud: Cloud, workspace: MLClient) -> None:
        make_endpoint(workspace, "key")
        with pytest.raises(OperatorError, match="no deployment blue") as caught:
            connect_endpoint(workspace, ENDPOINT, "blue")
        assert "none" in caught.value.remedy
