"""The key or token that opens an endpoint: fetched once, renewed in time, shared by threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

EARLY = 120.0
"""A token is renewed this many seconds before it expires."""

AT_MOST_EVERY = 10.0
"""But never within so many seconds, should the clocks differ."""


class Header(requests.auth.AuthBase):
    """Sets the header on a request; without it requests would take a password from ~/.netrc."""

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Called by requests."""
        if self._value:
            request.headers["Authorization"] = self._value
        return request


class Authorization:
    """The value of the `Authorization` header.

    Args:
        fetch: Gets the secret and the time (seconds since 1970) at which to fetch it again; None
            for never.
        clock: Tells the seconds since 1970.
    """

    def __init__(
        self,
        fetch: Callable[[], tuple[str, float | None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._header = ""
        self._renew_at: float | None = 0.0

    def __call__(self) -> str:
        """Give the header's value."""
        with self._lock:
            if self._renew_at is not None and self._clock() >= self._renew_at:
                secret, renew_at = self._fetch()
                self._renew_at = renew_at and max(renew_at, self._clock() + AT_MOST_EVERY)
                self._header = f"Bearer {secret}"
            return self._header

    def renew(self, refused: str) -> None:
        """Have a new one fetched, unless another thread did so since `refused` was given."""
        with self._lock:
            if self._header == refused:
                self._renew_at = 0.0


def endpoint_authorization(client: MLClient, endpoint: str) -> Authorization:
    """The key or token of an online endpoint, whichever its auth_mode asks for."""

    def fetch() -> tuple[str, float | None]:
        secret: Any = client.online_endpoints.get_keys(endpoint)
        if hasattr(secret, "primary_key"):
            return secret.primary_key, None
        # The service need not fill these in, and a token of Microsoft Entra has no first one. A
        # token without either is renewed when it is refused.
        known = (getattr(secret, "refresh_after_time_utc", None), secret.expiry_time_utc)
        at = min((seconds for seconds in known if seconds), default=None)
        return secret.access_token, at and at - EARLY

    return Authorization(fetch)
