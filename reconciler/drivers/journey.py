"""A synthetic journey: what a sampler sends, by which roads, how often. Plain values, and their one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.drivers.protocols import Road

MAX_BODY = 1 << 20  # bytes of an answer that are looked at; a longer one is not as expected
ID = "{id}"  # in a path: the name of what is uploaded, or was
CONTENT = "{content}"  # in a path or a body: what only one session holds
USE = "read"  # the name of the step by which a session's content is read back


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and what its answer must be."""

    name: str
    method: str
    path: str
    body: str | None = None
    content_type: str = "application/json"
    expect_status: int = 200
    contains: str | None = None
    upload: int = 0  # so many bytes that nobody knows beforehand are the body
    download: str = ""  # the name of the step whose latest upload is asked for
    exact: str | None = None  # what the whole answer must be


@dataclass(frozen=True, slots=True)
class Visits:
    """Who sends a journey's steps: so many visitors, each with a session of its own. Each sends every step once, to
    open its session, and then the last one again and again."""

    count: int
    cookie: str  # that names the session; empty: found among those that are set
    run: str  # another one means other sessions


@dataclass(frozen=True, slots=True)
class Journey:
    """Steps sent one after the other, each road by itself, `rate` requests per second and road."""

    steps: tuple[Step, ...]
    roads: Mapping[str, Road]
    rate: float
    timeout: float  # seconds for one request, from when it is sent to the last byte
    visits: Visits | None = None  # None: every request is a stranger's

    def line(self) -> str:
        """One line of JSON. It holds the roads' secret headers: for a pipe, never for a command line or a log."""
        return json.dumps(asdict(self)) + "\n"

    @staticmethod
    def read(line: str) -> Journey:
        """The opposite of `line`."""
        found = json.loads(line)
        steps = tuple(Step(**step) for step in found["steps"])
        roads = {name: _road(road) for name, road in found["roads"].items()}
        visits = Visits(**found["visits"]) if found["visits"] else None
        return Journey(steps, roads, float(found["rate"]), float(found["timeout"]), visits)


def _road(road: dict[str, Any]) -> Road:
    return Road(**road | {name: tuple(road[name]) for name in ("expects", "trust")})
