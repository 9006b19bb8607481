"""How much is measured: a short form of minutes, and a long one of an hour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """How much is measured.

    Attributes:
        name: "short" or "long".
        photos: How many photographs are shown in turn.
        rounds: Timed runs of each engine.
        starts: Cold starts of each package.
        loads: Loads offered to a server, as shares of its own saturation.
        load_seconds: Time for which each load is offered.
        load_requests: Most requests in that time.
        saturations: Measurements of a server's saturation, each beside one of the bare engine.
        saturation_seconds: Time of each.
        folder_counts: Numbers of images after which the time is noted; the last is the folder's
            size. Multiples of `folder_worker.CHUNK`.
    """

    name: str
    photos: int
    rounds: int
    starts: int
    loads: tuple[float, ...]
    load_seconds: float
    load_requests: int
    saturations: int
    saturation_seconds: float
    folder_counts: tuple[int, ...]


SHORT = Form(
    name="short",
    photos=2,
    rounds=4,
    starts=1,
    loads=(0.5, 0.9, 1.2),
    load_seconds=5,
    load_requests=200,
    saturations=1,
    saturation_seconds=5,
    folder_counts=(20, 60),
)
LONG = Form(
    name="long",
    photos=4,
    rounds=30,
    starts=7,
    loads=(0.3, 0.5, 0.7, 0.9, 1.0, 1.2),
    load_seconds=90,
    load_requests=2000,
    saturations=5,
    saturation_seconds=20,
    folder_counts=(20, 100, 1000),
)
