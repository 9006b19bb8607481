"""Score images at an online endpoint, or at a server on this machine.

Each request has one image. The endpoint makes batches of what several clients or threads send, so
nothing is gained by packing images together, while a repeat, a refusal or the deadline of a request
would then concern all of them. Round trips are hidden by sending from several threads.

The image travels as a form (`multipart/form-data`), which costs 200 bytes more than the bare file:
an image that cannot be scored is then told inside a 200. As the answer to a bare file it would be a
status, which Azure turns into 424 and counts as a failure of the deployment.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import requests
from azure.core.exceptions import ResourceNotFoundError
from requests.adapters import HTTPAdapter
from urllib3.filepost import encode_multipart_formdata

from scripts.azure.scoring.authorization import Authorization, Header, endpoint_authorization
from scripts.azure.scoring.errors import ScoringError, from_answer, unreachable
from scripts.azure.scoring.patience import Patience
from scripts.azure.scoring.scored import Scored, read_answer
from scripts.errors import OperatorError

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

__all__ = ["Scored", "ScoringClient", "ScoringError", "connect_endpoint"]

MOST_CONNECTIONS = 64
CONNECT_TIMEOUT = 10.0
DEPLOYMENT_HEADER = "azureml-model-deployment"


def no_authorization() -> str:
    """For servers that ask for none."""
    return ""


class ScoringClient:
    """A client of one endpoint, with connections that are kept. Safe from several threads.

    Args:
        url: The scoring URI.
        authorization: Gives the value of the `Authorization` header; empty for none.
        deployment: Which deployment shall answer; by default Azure picks one by traffic.
        timeout: Seconds for one image, all attempts and waits together.
        repeats: Whether an image is sent again where that may help. Who wants to know how often a
            deployment fails must not.
    """

    def __init__(
        self,
        url: str,
        authorization: Callable[[], str] = no_authorization,
        deployment: str | None = None,
        timeout: float = 60.0,
        *,
        repeats: bool = True,
    ) -> None:
        self.url = url
        self._authorization = authorization
        self._timeout = timeout
        self._repeats = repeats
        self._closed = threading.Event()
        self._session = requests.Session()
        self._session.mount("https://", HTTPAdapter(pool_maxsize=MOST_CONNECTIONS))
        self._session.mount("http://", HTTPAdapter(pool_maxsize=MOST_CONNECTIONS))
        if deployment:
            self._session.headers[DEPLOYMENT_HEADER] = deployment

    def score(self, image: bytes, options: Mapping[str, Any] | None = None) -> Scored:
        """Score an image, again where that may help.

        Args:
            image: A file's bytes.
            options: `return` and `policy`, as docs/http.md describes them.

        Raises:
            ScoringError: There is no result, and the image is not to blame.
        """
        fields: dict[str, Any] = {"image": (None, image, "application/octet-stream")}
        if options:
            fields["options"] = json.dumps(options)
        body, content_type = encode_multipart_formdata(fields)
        patience = Patience(self._timeout)
        attempts, renewed = 0, False
        while True:
            attempts += 1
            header = self._authorization()
            try:
                return self._attempt(body, content_type, header, patience.left, attempts)
            except ScoringError as error:
                error.attempts = attempts
                wait = patience.wait_after(error) if self._repeats else None
                if error.status in (401, 403) and not renewed:
                    renewed, wait = True, self._renew(header)
                if wait is None or self._closed.wait(wait):
                    raise

    def close(self) -> None:
        """Close the connections; threads that wait to send an image again give up at once."""
        self._closed.set()
        self._session.close()

    def _renew(self, refused: str) -> float | None:
        if not isinstance(self._authorization, Authorization):
            return None
        self._authorization.renew(refused)
        return 0.0

    def _attempt(
        self, body: bytes, content_type: str, authorization: str, left: float, attempts: int
    ) -> Scored:
        started = time.monotonic()
        # Half of the time, so that a connection which went dead leaves some for another attempt.
        longest = self._timeout / 2 if self._repeats else self._timeout
        timeout = max(1.0, min(left, longest))
        try:
            answer = self._session.post(
                self.url,
                data=body,
                headers={"Content-Type": content_type},
                auth=Header(authorization),
                timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                allow_redirects=False,
            )
        except requests.Timeout:
            raise ScoringError(
                f"No answer from {self.url} in {timeout:.0f} s.", 0, "timeout"
            ) from None
        except requests.RequestException as error:
            raise unreachable(self.url, error) from None
        if answer.status_code != 200:
            raise from_answer(answer)
        result, model = read_answer(answer)
        return Scored(result, model, time.monotonic() - started, attempts)


def connect_endpoint(
    client: MLClient,
    endpoint: str,
    deployment: str | None = None,
    timeout: float = 60.0,
    *,
    repeats: bool = True,
) -> ScoringClient:
    """Make the client of an online endpoint of the workspace.

    Args:
        client: The SDK's client of the workspace.
        endpoint: Name of the endpoint.
        deployment: Which deployment shall answer; by default Azure picks one by traffic.
        timeout: Seconds for one image, all attempts and waits together.
        repeats: Whether an image is sent again where that may help.

    Raises:
        OperatorError: There is no such endpoint or deployment, or it is not ready.
        AzureError: Anything else that Azure has against it.
    """
    try:
        found = client.online_endpoints.get(endpoint)
    except ResourceNotFoundError:
        raise OperatorError(
            f"Workspace {client.workspace_name} has no online endpoint {endpoint}.",
            "See `az ml online-endpoint list`, and --workspace.",
        ) from None
    deployments = {**found.traffic, **found.mirror_traffic}  # those without traffic too
    if deployment and deployment not in deployments:
        raise OperatorError(
            f"Endpoint {endpoint} has no deployment {deployment}.",
            f"It has: {', '.join(deployments) or 'none'}.",
        )
    if not found.scoring_uri:
        raise OperatorError(
            f"Endpoint {endpoint} has no scoring URI yet: it is {found.provisioning_state}.",
            "Wait until it is made, or look at it: `az ml online-endpoint show`.",
        )
    return ScoringClient(
        found.scoring_uri,
        endpoint_authorization(client, endpoint),
        deployment,
        timeout,
        repeats=repeats,
    )
