"""When a window opens, as cron writes it: minute hour day month weekday, on the wall of the window's time zone.

A day on which no clock changes is like every other, so its times are worked out once; only through the two days of a
year on which one does, cronsim walks. There it keeps to cron's custom: a time that the clock skips counts at the moment
after, one that comes twice counts the first time, and `*` means every real minute or hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from reconciler.errors import Refused
from reconciler.spelling import clip, near

FIELDS = ("minute", "hour", "day", "month", "weekday")
EXAMPLE = "`0 22 * * 1-5`: at 22:00, Monday to Friday"
LONGEST = 100  # characters
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
SOMEDAY = datetime(2024, 1, 1)  # any will do

Span = tuple[datetime, datetime]
"""From, until; both in UTC."""


def zone(name: str) -> tzinfo:
    """UTC is known also where no time zones are installed. Raises Refused with the nearest known name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refused(f"unknown time zone '{clip(name)}'; {_cure(name)}") from None


def _cure(name: str) -> str:
    """Abbreviations are not offered: MST is near KST, and half a world away."""
    known = [one for one in available_timezones() if "/" in one]
    if not known:
        return "this machine has none but UTC: install tzdata"
    meant = near(name, ("UTC", *known))
    return f"did you mean '{meant}'?" if meant else "expected a name of the IANA list, such as Asia/Seoul or UTC"


class Cron:
    """The times at which something begins that lasts `duration` of real time."""

    def __init__(self, text: str, where: tzinfo, duration: timedelta) -> None:
        """Raises Refused for what is no cron expression, and for one that never comes."""
        minute, hour, *day = _fields(text)
        self.zone, self.duration = where, duration
        self._text, self._days = text, " ".join(("0 0", *day))
        if next(CronSim(self._days, SOMEDAY), None) is None:
            raise Refused(_never(text))
        spans = _joined((begins, begins + duration) for begins in _times(f"{minute} {hour} * * *"))
        self.day = tuple((begins - SOMEDAY, ends - SOMEDAY) for begins, ends in spans)

    def spans(self, begins: datetime, ends: datetime) -> Iterator[Span]:
        """What lies, also in part, between two moments in UTC; in the order of their beginnings."""
        first = (begins - self.duration).astimezone(self.zone).date() - 2 * DAY
        for day in CronSim(self._days, _midnight(first)):
            for span in self._on(day.date()):
                if span[0] >= ends:
                    return
                if span[1] > begins:
                    yield span

    def _on(self, day: date) -> Iterator[Span]:
        dawn, dusk = (self._dawn(one) for one in (day, day + DAY))
        if dusk - dawn == DAY:
            return ((dawn + begins, dawn + ends) for begins, ends in self.day)
        walk = CronSim(self._text, (dawn - SECOND).astimezone(self.zone))
        moments = takewhile(lambda moment: moment <= dusk, (moment.astimezone(UTC) for moment in walk))
        return _joined((moment, moment + self.duration) for moment in moments)

    def _dawn(self, day: date) -> datetime:
        return _midnight(day).replace(tzinfo=self.zone).astimezone(UTC)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _times(text: str) -> Iterator[datetime]:
    """Those of one day on which no clock changes."""
    return takewhile(lambda moment: moment < SOMEDAY + DAY, CronSim(text, SOMEDAY - SECOND))


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Every minute for a minute is one long time, not 1440 short ones."""
    last: Span | None = None
    for span in spans:
        if last and span[0] <= last[1]:
            last = last[0], max(last[1], span[1])
            continue
        if last:
            yield last
        last = span
    if last:
        yield last


def _fields(text: str) -> list[str]:
    found = text.split()
    if len(text) > LONGEST or len(found) != len(FIELDS):
        count = f"found {len(found)}" if len(text) <= LONGEST else f"found {len(text)} characters"
        raise Refused(f"'{clip(text)}' is no time, expected five fields: {' '.join(FIELDS)}; {count}; write {EXAMPLE}")
    for index, (name, field) in enumerate(zip(FIELDS, found, strict=True)):
        alone = ["*"] * len(FIELDS)
        alone[index] = field
        if not _parsed(" ".join(alone)):
            raise Refused(f"'{clip(text)}' is no time: the {name} cannot be '{clip(field)}'; write {EXAMPLE}")
    if not _parsed(text):
        raise Refused(_never(text))
    return found


def _parsed(text: str) -> bool:
    try:
        CronSim(text, SOMEDAY)
    except CronSimError:
        return False
    return True


def _never(text: str) -> str:
    return f"'{clip(text)}' never comes: there is no such day; write {EXAMPLE}"
