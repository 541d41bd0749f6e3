"""Every synthetic request accounted for: sent = ok + failed + unknown, and what follows from their latencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.drivers.sampled import USERS
from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.course import Course
from reconciler.evidence.pack.foreign import seconds
from reconciler.evidence.pack.held import Retention, Sessions
from reconciler.evidence.pack.latencies import Latencies
from reconciler.evidence.pack.numbers import Numbers, told
from reconciler.evidence.pack.place import REQUESTS
from reconciler.evidence.pack.requests import GRACE, TAIL, Outcome

AT_ONCE = 1.0  # seconds: a recorder that begins so soon after a transition has missed nothing of it
SHOWN = 20  # failed requests, and times without a recorder, that are named one by one
STRAY = 3  # those whose time is none of the transition, likewise
AROUND = TAIL + GRACE  # seconds before and after a transition: two clocks may differ, and an answer may be awaited
ROADS = 100  # that are told apart


@dataclass(frozen=True, slots=True)
class Totals:
    """Of one road. Latencies in seconds, of the requests that were answered as expected; None: there are none."""

    sent: int
    ok: int
    failed: int
    unknown: int
    p50: float | None
    p95: float | None
    p99: float | None
    slowest: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """Unknown beside those of the roads, as nobody can say which road they took: `missing`, numbers of which no record
    tells, and `unheard`, whose end nobody waited for. `dropped`: records that could not be written. `gap`, `down`,
    `unwatched`: seconds."""

    roads: Mapping[str, Totals]
    missing: int
    unheard: int
    dropped: int
    gap: float | None  # the longest time between two successes on the users' road
    gap_at: float | None  # seconds since 1970
    down: float  # in which users' requests failed
    unwatched: float  # in which no recorder was there, until `TAIL` after the end
    sessions: Retention
    failures: tuple[Mapping[str, Any], ...]  # the first of those that failed
    complete: bool = False  # whoever recorded was there at its end
    repeated: tuple[str, ...] = ()  # the first requests that have more than one record
    stray: tuple[str, ...] = ()  # the first ones whose time is none of this transition: nothing rests on it
    others: int = 0  # records of the gateway and of gates that could not be written
    breaks: tuple[tuple[float, float], ...] = ()  # the first of the times of `unwatched`, from and to: since 1970

    @property
    def users(self) -> Totals | None:
        return self.roads.get(USERS)


@dataclass
class _Road:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    latencies: Latencies = field(default_factory=Latencies)

    def totals(self) -> Totals:
        ok, failed, unknown = (self.counts[one] for one in Outcome)
        p50, p95, p99 = (self.latencies.quantile(share) for share in (0.5, 0.95, 0.99))
        return Totals(ok + failed + unknown, ok, failed, unknown, p50, p95, p99, self.latencies.most)


class Ledger:
    """Fed with the records of `requests.jsonl.gz` one after the other; its size does not grow with their number."""

    def __init__(
        self,
        first: float | None = None,
        last: float | None = None,
        began: float | None = None,
        ended: float | None = None,
    ) -> None:
        """When the newcomer's weight first rose and last changed, and when the transition began and ended; seconds
        since 1970."""
        self._roads: dict[str, _Road] = {}
        self._numbers, self._stray, self._others = Numbers(), list[str](), 0
        self._course, self._sessions = Course(), Sessions(first, last)
        self._failures: list[Mapping[str, Any]] = []
        self._dropped, self._unheard = 0, 0
        self._breaks: list[tuple[float, float]] = []  # times without a recorder: from and to
        self._latest: float | None = None  # of what is recorded, the latest end
        self._transition, self._ended, self._complete = began, ended, False

    def take(self, record: Mapping[str, Any]) -> None:
        """Raises EvidenceBroken for a record that is none."""
        try:
            self._take(record)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EvidenceBroken(f"a record of a request cannot be read ({error}): {str(record)[:80]}") from error

    def _take(self, record: Mapping[str, Any]) -> None:
        if "life" in record:
            self._began(seconds(record["at"]))
        elif "over" in record:
            self._complete = True
        elif "dropped" in record:
            others = record.get("of", REQUESTS) != REQUESTS
            self._dropped += 0 if others else _count(record["dropped"])
            self._others += _count(record["dropped"]) if others else 0
        else:
            self._number(record)
            self._unheard += "unheard" in record
            if "road" in record:
                self._request(record)

    def _began(self, at: float) -> None:
        if self._latest is not None:
            self._breaks.append((self._latest, max(at, self._latest)))
            self._course.pause()
        elif self._transition is not None and at - self._transition > AT_ONCE:
            self._breaks.append((self._transition, at))
        self._latest, self._complete = at, False

    def look(self, record: Mapping[str, Any]) -> None:
        """At the gateway, by the same recorder: it was there. After all requests."""
        at = float(record["at"])
        self._latest = max(self._latest or at, at)
        self._breaks = [(at if begin < at < end else begin, end) for begin, end in self._breaks]

    def _number(self, record: Mapping[str, Any]) -> None:
        number = record["n"]
        if type(number) is not int or number < 0:
            raise ValueError(f"its number is {number!r}")
        self._numbers.take(str(record["gate"]), str(record["run"]), number)

    def _request(self, record: Mapping[str, Any]) -> None:
        road, outcome = str(record["road"]), Outcome(record["outcome"])
        start, latency = seconds(record["at"]), seconds(record.get("latency", 0.0))
        kept = self._roads.setdefault(road, _Road()) if len(self._roads) < ROADS else self._roads[road]
        kept.counts[outcome] += 1
        if outcome is Outcome.OK:
            kept.latencies.take(latency)
        if outcome is Outcome.FAILED and len(self._failures) < SHOWN:
            self._failures.append(dict(record))
        if self._is_stray(start, start + latency):
            self._stray += [told((record["gate"], record["run"], record["n"]))] if len(self._stray) < STRAY else []
            return
        self._latest = max(self._latest or 0.0, start + latency)
        if road == USERS:
            self._course.take(start, start + latency, outcome)
        if record.get("session"):
            self._sessions.take(record)

    def _is_stray(self, start: float, end: float) -> bool:
        """Only what is sent within a transition is recorded, and nobody waits long for its end."""
        early = self._transition is not None and start < self._transition - AROUND
        return early or (self._ended is not None and end > self._ended + AROUND)

    def _without(self) -> list[tuple[float, float]]:
        """Times without a recorder. Where nobody came back, it lasts until requests count no more."""
        cut = None if self._complete or self._ended is None else self._ended + TAIL
        last = self._latest if self._latest is not None else self._transition
        return [*self._breaks, *([(last, cut)] if cut is not None and last is not None and cut > last else [])]

    def account(self) -> Account:
        self._course.end()
        course, without = self._course, self._without()
        return Account(
            {name: road.totals() for name, road in sorted(self._roads.items())},
            self._numbers.missing(),
            self._unheard,
            self._dropped,
            round(course.longest, 3) if course.longest_at is not None else None,
            round(course.longest_at, 3) if course.longest_at is not None else None,
            round(course.down, 3),
            round(sum(end - begin for begin, end in without), 3),
            self._sessions.retention(),
            tuple(self._failures),
            self._complete,
            tuple(told(name) for name in self._numbers.repeated),
            tuple(self._stray),
            self._others,
            tuple((round(begin, 3), round(end, 3)) for begin, end in without[:SHOWN]),
        )


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no number of records")
    return value


def account(records: Iterable[Mapping[str, Any]], first: float | None = None, last: float | None = None) -> Account:
    """Of a whole stream."""
    ledger = Ledger(first, last)
    for record in records:
        ledger.take(record)
    return ledger.account()
