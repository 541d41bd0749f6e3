"""The only reader of the clock. Everybody else is given a `Clock`, or a number."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Readings that must never be confused."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; for durations and deadlines."""

    def wall(self) -> str:
        """The time on the wall, ISO 8601 in UTC; for people to read, never to decide by."""

    def now(self) -> datetime:
        """The time on the wall as a value, in UTC; for windows and freezes, which people write by it."""


def shown(seconds: float) -> str:
    """A time stamp, seconds since 1970, as `Clock.wall` shows it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> str:
        return shown(time.time())

    def now(self) -> datetime:
        return datetime.now(UTC)


SYSTEM = SystemClock()
