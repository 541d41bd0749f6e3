"""One call's time, shared by everything that it does."""

from __future__ import annotations

from reconciler.clock import Clock
from reconciler.errors import Unreachable


class Deadline:
    """`what` says, for the operator, what was not done in time."""

    def __init__(self, clock: Clock, seconds: float, what: str) -> None:
        self._clock, self._ends = clock, clock.monotonic() + seconds
        self.seconds, self.what = seconds, what

    def left(self) -> float:
        """Seconds; negative when it is over."""
        return self._ends - self._clock.monotonic()

    def check(self) -> float:
        """Seconds left, more than none. Raises Unreachable when it is over."""
        left = self.left()
        if left <= 0:
            raise Unreachable(f"{self.what}: no answer within {self.seconds:g} s")
        return left
