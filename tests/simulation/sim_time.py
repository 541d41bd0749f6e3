"""Simulated time: what is going to happen, and the clock by which a machine reads it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

from reconciler.clock import shown

BEGINNING = 1_767_225_600.0  # 2026-01-01


class Timeline:
    """True time, in seconds, and what is due. Nothing else moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """The world does this by itself, also while somebody waits for an answer."""
        heapq.heappush(self._due, (self.now + seconds, next(self._number), do))

    def sleep(self, seconds: float) -> None:
        end = self.now + max(0.0, seconds)
        while self._due and self._due[0][0] <= end:
            due, _, do = heapq.heappop(self._due)
            self.now = max(self.now, due)
            do()
        self.now = max(self.now, end)

    def next_due(self) -> float | None:
        """Seconds until the world does something by itself."""
        return max(0.0, self._due[0][0] - self.now) if self._due else None


class Clock:
    """A machine's clock: it may run at another rate, and jump, as an operating system makes it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._monotonic, self._since, self.rate = 1000.0, 0.0, 1.0
        self._wall = BEGINNING
        self.fastest, self.jumps = 1.0, 0

    def monotonic(self) -> float:
        return self._monotonic + (self._timeline.now - self._since) * self.rate

    def wall(self) -> str:
        return shown(self._wall + self._timeline.now)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._wall + self._timeline.now, UTC)

    def run_at(self, rate: float) -> None:
        self._monotonic, self._since, self.rate = self.monotonic(), self._timeline.now, rate
        self.fastest = max(self.fastest, rate)

    def jump(self, seconds: float) -> None:
        """The monotonic clock goes ahead, as after a sleep of the machine; it never goes back."""
        self._monotonic += seconds
        self._wall += seconds
        self.jumps += 1

    def jump_wall(self, seconds: float) -> None:
        self._wall += seconds
