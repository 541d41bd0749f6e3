"""Was somebody there all the time? Missing data prove nothing, so a switch is proved only where test requests were sent
and the gateway was read without a break, from before the first change of weight until requests count no more; and
where the gateway counted no fewer requests than were answered through it.

What is allowed between two of them is told with what was found.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice, takewhile
from operator import itemgetter
from typing import Any

from reconciler.core.serving import BRIDGE
from reconciler.drivers.sampled import USERS
from reconciler.errors import EvidenceBroken
from reconciler.evidence.pack.course import LATE
from reconciler.evidence.pack.foreign import seconds
from reconciler.evidence.pack.gateway import answers
from reconciler.evidence.pack.requests import Outcome

INTERVALS = 10  # as many may be missed in a row
LEAST = 5.0  # seconds: a load generator that has to be started again needs so long on a machine that is busy
MOST = 60.0  # seconds: whoever sends more seldom does not watch
LOOKS = 1.0  # seconds between two looks at the gateway, as the recorder writes them


@dataclass(frozen=True, slots=True)
class Pulse:
    """`silence`: the longest time without any, in the span that counts; seconds. `bound`: what is allowed. `at`: when
    it began, in seconds since 1970; None: there was none."""

    silence: float
    bound: float
    at: float | None

    @property
    def steady(self) -> bool:
        return self.silence <= self.bound


@dataclass(frozen=True, slots=True)
class Watch:
    """`span`: from the first change of weight until requests count no more; None: no weight was ever changed.
    `answered`: test requests that went through the gateway between two looks at its counters; `counted`: how many it
    counted then; None: it did not count. `gates`: whose test requests went the users' road. `unshown`: seconds beyond
    `LEAST` between two looks, from the beginning to the end, through which no test requests show that users were
    answered."""

    span: tuple[float, float] | None
    requests: Pulse
    gateway: Pulse
    answered: int
    counted: int | None
    gates: tuple[str, ...]
    unshown: float


@dataclass
class _Beats:
    """Takes moments nearly in order. One that comes too late, because its request hung, changes nothing any more; one
    that comes too early waits for its turn, so that it hides no silence."""

    begin: float
    end: float
    silence: float = 0.0
    at: float | None = None
    bridged: set[float] = field(default_factory=set)  # moments that end no silence: something else tells of it
    long: list[tuple[float, float]] = field(default_factory=list)  # silences beyond `LEAST`, bridged or not: from, to
    _last: float | None = None
    _waiting: list[float] = field(default_factory=list)

    def take(self, at: float) -> None:
        heappush(self._waiting, at)
        if len(self._waiting) > LATE:
            self._next(heappop(self._waiting))

    def _next(self, at: float) -> None:
        since = self.begin if self._last is None else max(self.begin, self._last)
        if min(at, self.end) - since > self.silence and at not in self.bridged:
            self.silence, self.at = min(at, self.end) - since, since
        if at - (self._last or 0.0) > LEAST:
            self.long.append((self._last or 0.0, at))
        self._last = at if self._last is None else max(at, self._last)

    def pulse(self, bound: float) -> Pulse:
        for at in (*sorted(self._waiting), self.end):
            self._next(at)
        return Pulse(round(self.silence, 3), round(bound, 3), None if self.at is None else round(self.at, 3))


@dataclass(slots=True)
class _Run:
    """Of one load generator: when its first and its last request on the users' road were due, and how many it sent."""

    first: float
    last: float
    count: int = 0

    def interval(self) -> float | None:
        return (self.last - self.first) / (self.count - 1) if self.count > 1 else None


class Watching:
    """Fed with all looks at the gateway first, then with all requests. Seconds since 1970: when the transition began,
    when a weight first changed, as the journal has it (None: never; what the gateway was read at counts then), and when
    requests count no more."""

    def __init__(self, began: float, changed: float | None, end: float) -> None:
        self._began, self._changed, self._end = began, changed, end
        self._weights: Mapping[str, int] | None = None
        self._looks: list[float] = []  # the first at which it counted, the last but one, and the last
        self._before: Mapping[str, Any] | None = None  # the last look, if it was answered
        self._answers = _Beats(end if changed is None else min(changed, end), end)
        self._runs: dict[tuple[str, str], _Run] = {}
        self._sent: _Beats | None = None
        self._answered = 0

    def look(self, record: Mapping[str, Any]) -> None:
        """At the gateway; for records that are found unreadable by whoever takes them next."""
        before, self._before = self._before, None if "unread" in record else record
        if "unread" in record:
            return
        try:
            at, weights, counters = seconds(record["at"]), record["weights"], record["counters"]
            self._seen(at, weights)
            if before and LEAST < at - seconds(before["at"]) <= BRIDGE + LEAST and answers(before, record):
                self._answers.bridged.add(at)
            self._answers.take(at)
            if any(counters.values()):
                self._looks = [*self._looks[:1], *self._looks[-1:], at] if self._looks else [at]
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise EvidenceBroken(f"a record of the gateway cannot be read ({error}): {str(record)[:80]}") from error

    def _seen(self, at: float, weights: Mapping[str, int] | None) -> None:
        """Somebody may have changed weights of whom the journal does not know."""
        if self._weights and weights and weights != self._weights and (self._changed is None or at < self._changed):
            self._changed = at
            self._answers.begin = min(at, self._end)
        self._weights = weights or self._weights

    def request(self, record: Mapping[str, Any]) -> None:
        """What is no request on the users' road tells nothing here; for records that somebody has found readable."""
        if record.get("road") != USERS:
            return
        due = float(record["at"])
        run = self._run((str(record["gate"]), str(record["run"])), due)
        run.first, run.last, run.count = min(run.first, due), max(run.last, due), run.count + 1
        if due >= self._answers.begin:
            self._beats().take(due)
        if record["outcome"] == Outcome.OK and self._looks:
            self._answered += self._looks[0] <= due and due + record.get("latency", 0.0) <= self._until

    @property
    def _until(self) -> float:
        """The counters of a look are older than its time by what was done since: those of the one before surely are in
        the last ones."""
        return self._looks[-2] if len(self._looks) > 1 else self._looks[0]

    def _run(self, name: tuple[str, str], due: float) -> _Run:
        if name not in self._runs:
            self._runs[name] = _Run(due, due)
        return self._runs[name]

    def _beats(self) -> _Beats:
        if self._sent is None:
            self._sent = _Beats(self._answers.begin, self._end)
        return self._sent

    def watch(self, counted: Mapping[str, Mapping[str, int] | None]) -> Watch:
        """`counted`: by slot, as `gateway.Traffic` has it."""
        span = None if self._changed is None else (round(self._answers.begin, 3), round(self._end, 3))
        every = min((each for run in self._runs.values() if (each := run.interval()) is not None), default=0.0)
        found = [each["requests"] for each in counted.values() if each is not None]
        requests = self._beats().pulse(min(MOST, max(LEAST, INTERVALS * every)))
        looks = self._answers.pulse(INTERVALS * LOOKS)
        total, gates = sum(found) if found else None, tuple(sorted({gate for gate, _ in self._runs}))
        return Watch(span, requests, looks, self._answered, total, gates, round(self._unshown(), 3))

    def _unshown(self) -> float:
        """Told by what is not shown, not by what is: looks that are not on record make it longer, never shorter."""
        found = 0.0
        for last, at in self._answers.long:
            since, until = max(last, self._began), min(at, self._end)
            shown = at == until and at in self._answers.bridged and self._asked(since, at)
            found += 0.0 if shown else max(0.0, until - since - LEAST)
        return found

    def _asked(self, since: float, until: float) -> bool:
        """Was there, between two looks, always a look or a test request within `LEAST`? `MOST` would be too long here:
        nobody else watches."""
        long = self._beats().long
        later = islice(long, bisect_right(long, since, key=itemgetter(1)), None)
        within = takewhile(lambda silence: silence[0] < until, later)
        return all(min(end, until) - max(begin, since) <= LEAST for begin, end in within)


def gaps(found: Watch, removed: frozenset[str] | None) -> Iterator[str]:
    """Why it is not proved that somebody measured all the time. `removed`: gates that were taken out under way; None:
    there is no plan."""
    what = {"no test request was sent": found.requests, "the gateway was not read": found.gateway}
    for name, pulse in what.items():
        if not pulse.steady:
            yield f"{name} for {pulse.silence:.3f} s of the switch, more than the {pulse.bound:.3g} s that are allowed"
    if found.counted is None:
        yield "the gateway did not say how many requests it counted"
    elif found.counted < found.answered:
        yield f"the gateway counted {found.counted:,} requests, though {found.answered:,} test requests went through it"
    if removed is None:
        yield "there is no plan: nobody can say whether what was done is what was to be done"
    for gate in found.gates:
        if removed and gate in removed:
            yield f"gate {gate}, which measured what users get, was taken out under way"
