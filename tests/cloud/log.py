"""What was sent to the stand-in, and answers that a test puts in the way."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Request, Response


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it arrived.

    Attributes:
        method: In capitals.
        host: Name that it was sent to.
        path: Without the query.
        query: Parameters by name.
        body: Decoded JSON; None for anything else.
        size: Of the body, in bytes.
        headers: By name.
    """

    method: str
    host: str
    path: str
    query: dict[str, str]
    body: Any
    size: int
    headers: dict[str, str]

    @property
    def api_version(self) -> str | None:
        """The management API's version that was asked for."""
        return self.query.get("api-version")


@dataclass(slots=True)
class _Planned:
    method: str
    pattern: re.Pattern[str]
    response: Response
    times: int


@dataclass(slots=True)
class Log:
    """The record of requests, and the answers planned for them; safe from several threads.

    Attributes:
        requests: What was sent, in order.
        listener: Called with each request before it is worked on.
    """

    requests: list[Sent] = field(default_factory=list)
    listener: Callable[[Sent], None] | None = None
    _planned: list[_Planned] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, method: str, pattern: str, response: Response, times: int) -> None:
        """Answer the next `times` requests that match with `response`."""
        with self._lock:
            self._planned.append(_Planned(method.upper(), re.compile(pattern), response, times))

    def receive(self, request: Request) -> Response | None:
        """Record a request; give back the answer that was planned for it, if there is one."""
        sent = Sent(
            request.method,
            request.host.partition(":")[0].lower(),
            request.path,
            dict(request.args),
            request.get_json(silent=True) if request.is_json else None,
            len(request.get_data()),
            dict(request.headers),
        )
        if self.listener is not None:
            self.listener(sent)
        with self._lock:
            self.requests.append(sent)
            for planned in self._planned:
                target = f"{sent.host}{sent.path}"
                if (
                    planned.times
                    and planned.method == sent.method
                    and planned.pattern.search(target)
                ):
                    planned.times -= 1
                    return planned.response
        return None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.requests.clear()
            self._planned.clear()
