"""How one road's requests followed one another: the longest time without a success, and the time in which users met
errors. Both by the requests that were sent: what happened between two of them nobody can know."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from reconciler.evidence.pack.requests import Outcome

LATE = 512  # records: several generators write, each in the order in which its requests end


@dataclass
class Course:
    """Takes (start, end, outcome) nearly in the order of their ends; all in seconds since 1970."""

    longest: float = 0.0
    longest_at: float | None = None  # when it began
    down: float = 0.0
    _good: float | None = None  # the end of the last success
    _bad: float | None = None  # the start of the first failure since then
    _last: float = 0.0  # the latest end of all
    _waiting: list[tuple[float, float, str]] = field(default_factory=list)

    def take(self, start: float, end: float, outcome: str) -> None:
        heapq.heappush(self._waiting, (end, start, outcome))
        if len(self._waiting) > LATE:
            self._next()

    def pause(self) -> None:
        """Nobody watched for a while: no success was missed in it, none was had."""
        self.end()
        self._good = None

    def end(self) -> None:
        while self._waiting:
            self._next()
        if self._bad is not None and self._last > self._bad:
            self.down += self._last - self._bad
        self._bad = None

    def _next(self) -> None:
        end, start, outcome = heapq.heappop(self._waiting)
        self._last = max(self._last, end)
        if outcome == Outcome.FAILED and self._bad is None:
            self._bad = start
        if outcome == Outcome.OK:
            self._succeeded(start, end)

    def _succeeded(self, start: float, end: float) -> None:
        if self._good is not None and end - self._good > self.longest:
            self.longest, self.longest_at = end - self._good, self._good
        self._good = end if self._good is None else max(self._good, end)
        if self._bad is not None and start >= self._bad:
            self.down += end - self._bad
            self._bad = None
