"""What every document writes alike: moments, durations, numbers, and texts that somebody else has written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

SEOUL = timezone(timedelta(hours=9))  # it keeps no summer time
LONGEST = 500  # characters of a text that somebody else has written
NEVER = "unknown"


def printable(text: object, longest: int = LONGEST) -> str:
    """On one line, without what a terminal would obey or what would turn the reading direction round."""
    found = "".join(one if one.isprintable() else " " for one in str(text)[: longest + 1])
    return " ".join(found.split()) if len(found) <= longest else " ".join(found[:longest].split()) + "..."


def clock(at: float | None, zone: timezone = UTC) -> str:
    """The time of day, to the millisecond; `at` in seconds since 1970."""
    found = _utc(at)
    return f"{found.astimezone(zone):%H:%M:%S}.{found.microsecond // 1000:03}" if found else NEVER


def day(at: float | None) -> str:
    found = _utc(at)
    return f"{found:%Y-%m-%d}" if found else NEVER


def minute(at: float | None, zone: timezone = UTC) -> str:
    """Date and time to the second."""
    found = _utc(at)
    return f"{found.astimezone(zone):%Y-%m-%d %H:%M:%S}" if found else NEVER


def seconds(value: float | None) -> str:
    """`1.450 s` below ten seconds, `92.3 s` below two minutes, then `12 min 5 s`."""
    if value is None:
        return NEVER
    if abs(value) < 120:
        return f"{value:.3f} s" if abs(value) < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes >= 120:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def count(value: int) -> str:
    return f"{value:,}"


def times(value: int) -> str:
    return "once" if value == 1 else f"{count(value)} times"


def size(value: int) -> str:
    """Bytes, as people say them."""
    for unit, worth in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value >= worth:
            return f"{value / worth:.1f} {unit}"
    return f"{value} bytes"


def _utc(at: float | None) -> datetime | None:
    """None for what is no moment that a calendar has."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):
        return None
