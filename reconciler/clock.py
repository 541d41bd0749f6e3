"""The only reader of the clock. Everybody else is given a `Clock`, or a number."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Three readings that must never be confused."""

    def monotonic(self) -> float:
        """Seconds that only ever grow; for durations and deadlines."""

    def wall(self) -> str:
        """The time on the wall, ISO 8601 in UTC; for people to read, never to decide by."""

    def epoch(self) -> float:
        """The same in seconds since 1970; to compare with times that people or their programs wrote down."""


def shown(seconds: float) -> str:
    """A time stamp, seconds since 1970, as `Clock.wall` shows it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> str:
        return shown(time.time())

    def epoch(self) -> float:
        return time.time()


SYSTEM = SystemClock()
