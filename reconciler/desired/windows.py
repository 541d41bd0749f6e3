"""Windows and freezes: the times in which no transition may go forward. Outside of every `allow`, or inside a `deny`.

How they come again is in `cron.py`; here they are laid over each other, once for a long time ahead, so that a look at
them costs next to nothing. The core gets them in watched seconds and never sees a wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from reconciler.core.reading import Closed
from reconciler.desired.cron import Cron, zone
from reconciler.desired.document import WindowEntry

HORIZON = timedelta(days=400)
MOST = 64  # times ahead; what comes next is decided by the first few
MOST_SPANS = 100_000  # looked through for them; very many short ones shorten the horizon
MOST_WHYS = 3
REFRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shut:
    """A time in which no transition may go forward; both ends in UTC."""

    begins: datetime
    ends: datetime | None  # None: not within the horizon
    why: str  # e.g. `deny 0 0 24 12 * (year-end closing)`
    until: str  # for people, on the wall of the window's own time zone; empty without an end


class _Time(NamedTuple):
    begins: datetime
    ends: datetime
    whys: tuple[str, ...]
    zone: tzinfo  # of whatever ends it


class _Window(NamedTuple):
    cron: Cron
    why: str

    def times(self, begins: datetime, ends: datetime) -> Iterator[_Time]:
        return (_Time(*span, (self.why,), self.cron.zone) for span in self.cron.spans(begins, ends))


def closed(windows: Sequence[WindowEntry], now: datetime, horizon: timedelta = HORIZON) -> tuple[Shut, ...]:
    """Those that are not over at `now` (aware), within the horizon, at most 64; in order and apart from each other."""
    now = now.astimezone(UTC)
    end = now + reach(windows, horizon)
    allow = [_window(each) for each in windows if each.allow is not None]
    deny = [_window(each) for each in windows if each.allow is None]
    outside = _outside(_laid(allow, now, end), now, end) if allow else ()
    shut = _joined(merge(outside, _laid(deny, now, end), key=itemgetter(0)))
    return tuple(_told(each, now, end) for each in islice(shut, MOST))


def reach(windows: Iterable[WindowEntry], horizon: timedelta = HORIZON) -> timedelta:
    """How far ahead they are looked at."""
    a_day = sum(len(_window(each).cron.day) for each in windows)
    return min(horizon, timedelta(days=MOST_SPANS / a_day)) if a_day else horizon


@lru_cache(maxsize=256)
def _window(entry: WindowEntry) -> _Window:
    word, text = ("deny", entry.deny or "") if entry.allow is None else ("allow", entry.allow)
    cron = Cron(text, zone(entry.time_zone), timedelta(seconds=entry.duration))
    return _Window(cron, f"{word} {text}{f' ({entry.reason})' if entry.reason else ''}")


def _laid(windows: Iterable[_Window], now: datetime, end: datetime) -> Iterator[_Time]:
    return merge(*(window.times(now, end) for window in windows), key=itemgetter(0))


def _outside(open_times: Iterable[_Time], now: datetime, end: datetime) -> Iterator[_Time]:
    """What lies between: until the next one begins, on whose wall the end is told."""
    last = now
    for time in open_times:
        if time.begins > last:
            yield _Time(last, time.begins, (f"outside {time.whys[0]}",), time.zone)
        last = max(last, time.ends)
    if last < end:
        yield _Time(last, end, ("outside every allow window",), UTC)


def _joined(times: Iterable[_Time]) -> Iterator[_Time]:
    """Every reason is told; the end is that of the one that lasts longest."""
    last: _Time | None = None
    for time in times:
        if last and time.begins <= last.ends:
            longest = max(last, time, key=itemgetter(1))
            whys = tuple(dict.fromkeys((*last.whys, *time.whys)))
            last = longest._replace(begins=last.begins, whys=whys)
            continue
        if last:
            yield last
        last = time
    if last:
        yield last


def _told(time: _Time, now: datetime, end: datetime) -> Shut:
    begins, more = max(time.begins, now), len(time.whys) - MOST_WHYS
    why = "; ".join((*time.whys[:MOST_WHYS], *((f"{more} more",) if more > 0 else ())))
    if time.ends >= end:
        return Shut(begins, None, why, "")
    return Shut(begins, time.ends, why, f"{time.ends.astimezone(time.zone):%Y-%m-%d %H:%M %Z}")


class Calendar:
    """The windows of one manifest. It looks ahead once a day; earlier when half of what it knows is over, or when the
    clock went back."""

    def __init__(self, windows: Sequence[WindowEntry]) -> None:
        self._windows = tuple(windows)
        self._shut: tuple[Shut, ...] = ()
        self._known: tuple[datetime, datetime] | None = None

    def closed(self, now: datetime) -> tuple[Shut, ...]:
        """Those that are not over; the first of them may have begun before `now` (aware)."""
        if not self._windows:
            return ()
        if self._known is None or not self._known[0] <= now < self._known[1]:
            self._shut = closed(self._windows, now)
            full = len(self._shut) == MOST
            self._known = now, min(now + REFRESH, self._shut[MOST // 2].begins) if full else now + REFRESH
        return tuple(each for each in self._shut if each.ends is None or now < each.ends)


@lru_cache(maxsize=256)
def calendar(windows: tuple[WindowEntry, ...]) -> Calendar:
    """The one of these windows: what it has worked out once is there at the next look."""
    return Calendar(windows)


def shut(calendar: Calendar, now_wall: datetime, watched: float) -> tuple[Closed, ...]:
    """As the core reads them. `watched`: this environment's watched seconds at `now_wall`. What has begun has begun at
    whatever second it is decided about: whoever only looks decides by those on record, which are a moment behind."""

    def at(moment: datetime) -> float:
        return watched + (moment - now_wall).total_seconds()

    return tuple(
        Closed(
            0.0 if each.begins <= now_wall else at(each.begins),
            None if each.ends is None else at(each.ends),
            each.why,
            each.until,
        )
        for each in calendar.closed(now_wall)
    )
