"""Why an image got no result from an endpoint: one error class, made from any failed answer."""

from __future__ import annotations

import json

import requests
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from scripts.errors import OperatorError

MODEL_STATUS = "ms-azureml-model-error-statuscode"
"""What the container answered, where the platform made 424 of it."""

REMEDIES = {
    400: "The request has a form that this deployment does not know: is it one of this package?",
    401: "The key or token was refused, a new one too: check the endpoint's auth_mode.",
    403: "Give your identity the role `AzureML Data Scientist` on the workspace; an endpoint "
    "without public network access is reached from its own network only.",
    404: "No deployment has traffic, or the URL is wrong: name one with --deployment, or "
    "`az ml online-endpoint update --name NAME --traffic blue=100`.",
    405: "Check the URL: a scoring URI ends with /score.",
    408: "The image took longer than request_timeout_ms: raise it, or use a faster SKU.",
    413: "Send a smaller picture, or raise MAX_IMAGE_BYTES and MAX_IMAGE_PIXELS.",
    429: "The endpoint is overloaded: lower --concurrency, or run more instances.",
    504: "The image took longer than REQUEST_TIMEOUT_MS: raise it, or use a faster SKU.",
}
CONCERNS_ALL = (301, 302, 307, 308, 400, 401, 403, 404, 405, 415)
LATER = "Running it again may help; if not, `az ml online-deployment get-logs` tells why."


class ScoringError(OperatorError):
    """An image got no result, after all the attempts that made sense.

    Args:
        what: What happened.
        status: The HTTP status, the container's own where the platform answered 424; 0 if there was
            no answer.
        code: Identifier for programs: the server's own (`overloaded`, `image_too_large`, ...), or
            `unreachable`, `timeout`, `answer_invalid`, `http_<status>`.
        remedy: What to do; by default what the status suggests.
        retry_after: Seconds that the endpoint asked to wait; None if it did not.

    Attributes:
        attempts: How often the image was sent; above 1, it was tried again.
    """

    def __init__(
        self,
        what: str,
        status: int,
        code: str,
        remedy: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, remedy or REMEDIES.get(status, LATER))
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.attempts = 1

    @property
    def concerns_all(self) -> bool:
        """Whether any other image would meet the same: no access, wrong URL, unknown options."""
        return self.status in CONCERNS_ALL


def unreachable(url: str, error: requests.RequestException) -> ScoringError:
    """Make the error of a connection that was not made, or broke."""
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", cause)
    return ScoringError(
        f"{url} cannot be reached: {reason}",
        0,
        "unreachable",
        "Check the URL, the network and the proxy. An endpoint without public network access is "
        "reached from its own network only.",
    )


def from_answer(answer: requests.Response) -> ScoringError:
    """Make the error that an answer with another status than 200 stands for."""
    status = answer.status_code
    if status == 424:
        told = answer.headers.get(MODEL_STATUS, "")
        # Without it the container broke off: what a proxy calls a bad gateway.
        status = int(told) if told.isascii() and told.isdigit() else 502
    code, message = _read(answer)
    return ScoringError(
        f"The endpoint answered {status}: {message}",
        status,
        code or f"http_{status}",
        retry_after=_seconds(answer.headers.get("Retry-After")),
    )


def _read(answer: requests.Response) -> tuple[str | None, str]:
    """Find code and message: in `error` (ours, Azure's), or `message` alone (inference server)."""
    try:
        body = json.loads(answer.content)
        error = body.get("error", body)
        if isinstance(error, str):
            return None, error
        return error.get("code"), str(error["message"])
    except (ValueError, KeyError, AttributeError):
        return None, answer.text.strip()[:200] or str(answer.reason)


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    try:
        return Retry().parse_retry_after(retry_after)  # seconds, or a date
    except InvalidHeader:
        return None
