"""What a picture shows over time: requests, latencies, the gateway's counts, and what the gates measured, each in a
bounded number of buckets of one width, so that its size does not grow with the number of records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, exp, floor, log
from typing import Any

from reconciler.drivers.sampled import USERS
from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.gateway import Rise
from reconciler.evidence.pack.readings import figure
from reconciler.evidence.pack.requests import Outcome

MOST = 1_000  # buckets
WIDTHS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)  # seconds
FINE = 120  # buckets that a curve needs; more would make its percentiles rest on too few requests
BEFORE = -1  # the bucket of what a gate had said last when the span began
GATES, STEPS = 50, 100  # gates and journey steps that are told apart
GRAIN = 0.02  # of a latency: what is drawn is that exact
SMALLEST = 1e-4  # seconds
FIRST = round(log(SMALLEST) / GRAIN)
_SESSIONS = re.compile(r"(\d{1,9}) kept \+ (\d{1,9}) lost \+ (\d{1,9}) unknown")


@dataclass(slots=True)
class Bucket:
    """Synthetic requests that ended in it. `others`: of the roads that no user takes, by outcome."""

    users: dict[str, int] = field(default_factory=dict)  # by outcome
    others: dict[str, int] = field(default_factory=dict)
    latencies: dict[int, int] = field(default_factory=dict)  # of the users' road, answered well; in grains

    def take(self, users: bool, outcome: str, latency: float) -> None:
        """Once for every request of a pack, so without a detour."""
        counts = self.users if users else self.others
        counts[outcome] = counts.get(outcome, 0) + 1
        if users and outcome == Outcome.OK:
            grain = round(log(latency) / GRAIN) if latency > SMALLEST else FIRST
            self.latencies[grain] = self.latencies.get(grain, 0) + 1

    def quantile(self, share: float) -> float | None:
        """Seconds; None: nothing was answered well."""
        rank, seen = ceil(share * sum(self.latencies.values())), 0
        for grain in sorted(self.latencies):
            seen += self.latencies[grain]
            if seen >= rank:
                return exp(grain * GRAIN)
        return None


@dataclass(slots=True)
class Served:
    """What the gateway counted on the users' road, users' requests and ours together, from one look to the next."""

    seconds: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)  # by slot
    failed: int = 0  # of both


@dataclass(frozen=True, slots=True)
class Series:
    """By number of the bucket, from 0; what was not seen has none. Seconds since 1970; `width` is seconds."""

    begin: float
    end: float
    width: float
    buckets: Mapping[int, Bucket]
    served: Mapping[int, Served]
    values: Mapping[str, Mapping[int, float]]  # by gate: the greatest number that it measured
    sessions: Mapping[int, tuple[int, int, int]]  # the last that was said: kept, lost, unknown
    steps: Mapping[str, Mapping[str, int]]  # of users' journeys, also outside of the span, sessions apart: by outcome

    def middle(self, number: int) -> float:
        return self.begin + number * self.width + self.covered(number) / 2

    def covered(self, number: int) -> float:
        """Seconds of it that lie within the span: the last one may be cut off."""
        return min(self.width, self.end - self.begin - number * self.width) or self.width


class Gatherer:
    """Fed with the records of all three streams. What lies outside of its span is not drawn."""

    def __init__(self, begin: float, end: float, fine: int = FINE, *, steps: bool = True) -> None:
        """`steps`: count the journeys' steps, too."""
        self._begin, self._end = begin, max(begin, end)
        self._width = width(self._end - begin, fine)
        self._last = max(0, ceil((self._end - begin) / self._width) - 1)
        self._buckets: dict[int, Bucket] = {}
        self._served: dict[int, Served] = {}
        self._looked: float | None = None
        self._values: dict[str, dict[int, float]] = {}
        self._sessions: dict[int, tuple[int, int, int]] = {}
        self._steps: dict[str, dict[str, int]] = {}
        self._rise, self._counts = Rise(), steps

    def request(self, record: Mapping[str, Any]) -> None:
        """What is no request tells nothing here. Raises EvidenceBroken for a record that is none."""
        if "road" not in record:
            return
        try:
            users, outcome = record["road"] == USERS, record["outcome"]
            latency = record.get("latency", 0.0)
            number = self._number(record["at"] + latency)
            if self._counts and users and "session" not in record:
                self._step(record.get("step", ""), outcome)
            if number is not None:
                self._bucket(number).take(users, outcome, latency)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EvidenceBroken(f"a record of a request cannot be read ({error}): {str(record)[:80]}") from error

    def _bucket(self, number: int) -> Bucket:
        if number not in self._buckets:
            self._buckets[number] = Bucket()
        return self._buckets[number]

    def _step(self, step: str, outcome: str) -> None:
        if step not in self._steps and len(self._steps) < STEPS:
            self._steps[step] = {}
        if step in self._steps:
            self._steps[step][outcome] = self._steps[step].get(outcome, 0) + 1

    def look(self, record: Mapping[str, Any]) -> None:
        """At the gateway. Like `answer`, for records that were found readable by whoever took them first."""
        if not (risen := self._rise.take(record)):
            return
        at, before = float(record["at"]), self._looked
        self._looked, number = at, self._number(at)
        if before is not None and number is not None and at > before:
            served = self._served.setdefault(number, Served())
            served.seconds += at - before
            served.requests.update({slot: by["requests"] for slot, by in risen.items()})
            served.failed += sum(max(by["errors"], by["refused"]) for by in risen.values())

    def answer(self, record: Mapping[str, Any]) -> None:
        """Of a gate."""
        at, gate, value = float(record["at"]), str(record["gate"]), str(record.get("value", ""))
        number = BEFORE if at < self._begin else self._number(at)
        if number is None:
            return
        if found := _SESSIONS.search(value):
            kept, lost, unknown = (int(part) for part in found.groups())
            self._sessions[number] = kept, lost, unknown
        measured = figure(value)
        if measured is not None and (gate in self._values or len(self._values) < GATES):
            values = self._values.setdefault(gate, {})
            values[number] = measured if number == BEFORE else max(measured, values.get(number, measured))

    def _number(self, at: float) -> int | None:
        if not self._begin <= at <= self._end:
            return None
        return min(floor((at - self._begin) / self._width), self._last)

    def series(self) -> Series:
        told = (self._buckets, self._served, self._values, self._sessions, self._steps)
        return Series(self._begin, self._end, self._width, *told)


def width(seconds: float, fine: int = FINE) -> float:
    """Of one bucket, so that there are about `fine` of them, and never more than `MOST`."""
    for found in WIDTHS:
        if seconds <= found * fine:
            return found
    return float(max(WIDTHS[-1], ceil(seconds / MOST)))
