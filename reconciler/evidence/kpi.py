"""The figures that managers ask for, by environment and month, from the journal alone (defined in docs/kpi.md).

One pass, and only the sums are kept. What is not on record is unknown, never zero: each figure stands beside the time
that it is known for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from reconciler.core.events import Began, Ended, Phase, Watched
from reconciler.core.tally import Tally
from reconciler.evidence.safety import Safety
from reconciler.journal.entry import Entry

SLACK = timedelta(hours=1.1)  # a running loop writes once an hour: so much at the end may only not be on record yet
NOTHING = Tally()


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """Of the calendar, in the time zone that was asked for."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def begins(self, zone: tzinfo) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=zone).astimezone(UTC)

    @property
    def next(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @staticmethod
    def of(moment: datetime, zone: tzinfo) -> Month:
        local = moment.astimezone(zone)
        return Month(local.year, local.month)


@dataclass(slots=True)
class Lasting:
    """Several durations, in seconds, of which only these are kept."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        self.count, self.total, self.longest = self.count + 1, self.total + seconds, max(self.longest, seconds)

    def join(self, other: Lasting) -> None:
        self.count, self.total = self.count + other.count, self.total + other.total
        self.longest = max(self.longest, other.longest)

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class Figures:
    """Of one environment in one month. Times are seconds."""

    span: float = 0.0  # since its first entry, or the month's beginning, until its end, or now
    watched: float = 0.0
    tally: Tally = NOTHING
    switches: int = 0  # Succeeded
    rollbacks: int = 0  # RolledBack: by itself, or by `reconcile rollback`
    aborted: int = 0
    superseded: int = 0
    to_safety: Lasting = field(default_factory=Lasting)

    @property
    def unwatched(self) -> float:
        return max(0.0, self.span - self.watched)

    @property
    def unclear(self) -> float:
        """Watched, but whether anybody could serve is not on record."""
        return max(0.0, self.watched - self.tally.up - self.tally.out - self.tally.off)

    @property
    def downtime(self) -> float | None:
        """None: of no second it is known whether anybody could serve."""
        return self.tally.out if self.tally.up or self.tally.out else None

    @property
    def counted(self) -> float:
        """Watched seconds of which it is known how many requests there were."""
        return max(0.0, self.tally.seconds - self.tally.uncounted)

    @property
    def per_million(self) -> float | None:
        """None: no request was counted."""
        requests, failed = self.tally.requests
        return 1e6 * failed / requests if requests else None

    def lasts(self, seconds: float) -> None:
        """By the calendar. A clock that was set back makes it longer: watched is watched."""
        self.span = max(seconds, self.watched)

    def join(self, other: Figures) -> None:
        """Several months together."""
        self.span, self.watched, self.tally = (
            self.span + other.span,
            self.watched + other.watched,
            self.tally.plus(other.tally),
        )
        self.switches, self.rollbacks = self.switches + other.switches, self.rollbacks + other.rollbacks
        self.aborted, self.superseded = self.aborted + other.aborted, self.superseded + other.superseded
        self.to_safety.join(other.to_safety)

    def count(self, phase: Phase) -> None:
        self.switches += phase is Phase.SUCCEEDED
        self.rollbacks += phase is Phase.ROLLED_BACK
        self.aborted += phase is Phase.ABORTED
        self.superseded += phase is Phase.SUPERSEDED


@dataclass(slots=True)
class _Course:
    """One environment: what is needed of its past to understand the next entry."""

    first: datetime | None = None
    last: datetime | None = None
    safety: Safety = field(default_factory=Safety)
    drill: bool = False  # the transition under way: nobody's switch, and nobody's rollback
    months: dict[Month, Figures] = field(default_factory=dict)
    untold: dict[Month | None, float] = field(default_factory=dict)  # watched since the last tally; None: not asked for

    def of(self, month: Month) -> Figures:
        return self.months.setdefault(month, Figures())

    def watch(self, month: Month | None, seconds: float) -> None:
        self.untold[month] = self.untold.get(month, 0.0) + seconds
        if month:
            self.of(month).watched += seconds

    def tell(self, tally: Tally, month: Month | None) -> None:
        """A tally is about all that was watched since the one before: each month gets its share."""
        parts = [(part, seconds) for part, seconds in self.untold.items() if seconds > 0] or [(month, 1.0)]
        self.untold = {}
        for number, (part, seconds) in enumerate(parts):
            share = tally.share(seconds / sum(later for _, later in parts[number:]))
            tally = tally.less(share)
            if part:
                self.of(part).tally = self.of(part).tally.plus(share)


class Kpi:
    """`take` every entry of the environments that are asked about, oldest first. What is before `since` or after
    `until` is understood, but not counted."""

    def __init__(self, zone: tzinfo = UTC, since: datetime | None = None, until: datetime | None = None) -> None:
        self.zone, self._since, self._until = zone, since, until
        self._courses: dict[str, _Course] = {}
        self._month = Month(1, 1)  # of the moment that was asked about last, with its begin and end
        self._begins = self._ends = datetime.min.replace(tzinfo=UTC)

    def take(self, entry: Entry) -> None:
        at = datetime.fromisoformat(entry.at)
        course = self._courses.setdefault(entry.environment, _Course())
        course.first, course.last = min(course.first or at, at), at
        safe = course.safety.after(entry.event, at, entry.elapsed)
        if isinstance(entry.event, Began):
            course.drill = entry.event.drill is not None
        month = self._asked(at)
        for part, seconds in self._parts(max(at - timedelta(seconds=entry.elapsed), course.first), at, entry.elapsed):
            course.watch(part, seconds)
        if isinstance(entry.event, Watched) and entry.event.tally:
            course.tell(entry.event.tally, month)
        if month is None or course.drill:
            return
        if safe is not None:
            course.of(month).to_safety.add(safe)
        if isinstance(entry.event, Ended):
            course.of(month).count(entry.event.phase)

    def _asked(self, at: datetime) -> Month | None:
        """The month of a moment; None where it is not asked about."""
        outside = (self._since and at < self._since) or (self._until and at > self._until)
        return None if outside else self._month_of(at)

    def _month_of(self, at: datetime) -> Month:
        """Mostly that of the one before: what the time zone says of each is most of the work."""
        if not self._begins <= at < self._ends:
            self._month = Month.of(at, self.zone)
            self._begins, self._ends = (each.begins(self.zone) for each in (self._month, self._month.next))
        return self._month

    def _parts(self, begin: datetime, end: datetime, seconds: float) -> Iterator[tuple[Month | None, float]]:
        """Seconds that were watched until `end`, by the month in which they were."""
        cuts = [*self._borders(begin, end), *(cut for cut in (self._since, self._until) if cut and begin < cut < end)]
        for cut in sorted(cuts):
            yield self._asked(begin + (cut - begin) / 2), (cut - begin).total_seconds()
            begin, seconds = cut, seconds - (cut - begin).total_seconds()
        yield self._asked(begin + (end - begin) / 2), seconds

    def _borders(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """Where months end in between."""
        found = Month.of(begin, self.zone) if begin < self._begins or end > self._ends else None
        while found and (border := found.next.begins(self.zone)) < end:
            yield border
            found = found.next

    def totals(self) -> dict[str, Figures]:
        """By environment, all that was counted; without `span`."""
        found = {name: Figures() for name in self._courses}
        for name, course in self._courses.items():
            for month in course.months.values():
                found[name].join(month)
        return found

    def figures(self, now: datetime) -> Iterator[tuple[str, Month, Figures]]:
        """By environment and month, every month from the first to the last; also those in which nobody wrote."""
        for name, course in sorted(self._courses.items()):
            for begin, end in self._spans(course, now):
                month = Month.of(begin, self.zone)
                found = course.months.get(month, Figures())
                found.lasts((end - begin).total_seconds())
                yield name, month, found

    def _spans(self, course: _Course, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The part of each month in which the environment was there and is asked about."""
        assert course.first is not None
        assert course.last is not None
        begin = max(course.first, self._since or course.first)
        end = now if now - course.last > SLACK else course.last
        end = min(end, self._until or end)
        moment = begin == end  # so far
        while begin < end:
            border = Month.of(begin, self.zone).next.begins(self.zone)
            yield begin, min(border, end)
            begin = border
        if moment or (begin == end and Month.of(begin, self.zone) in course.months):  # in a month's first moment
            yield begin, end
