"""Watched time: how long an environment has been under our eyes since its last journal entry."""

from __future__ import annotations

from reconciler.clock import Clock

LONGEST = 5.0  # seconds that one look may account for; a longer gap was not watched


class Stopwatch:
    """Adds up the time between looks. A sleep of the machine, or a stuck driver, does not count as watching."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = clock.monotonic()
        self.elapsed = 0.0
        self.missed = 0.0  # seconds until the last look, from the one before, that do not count

    def begin(self) -> None:
        """Whoever was here before has watched until now: what went by is not ours to count."""
        self._last, self.elapsed = self._clock.monotonic(), 0.0

    def look(self, *, watching: bool = True) -> float:
        """Seconds since the last entry. `watching` False: the time since the last look passed unseen."""
        now = self._clock.monotonic()
        gap = now - self._last
        counts = min(gap, LONGEST) if watching else 0.0
        self.elapsed += counts
        self.missed = gap - counts
        self._last = now
        return self.elapsed

    def give_back(self, elapsed: float) -> None:
        """The entry could not be written: its seconds belong to the next one."""
        self.elapsed += elapsed

    def restart(self) -> float:
        """The seconds to be written into the entry that is made now."""
        elapsed, self.elapsed = self.elapsed, 0.0
        return elapsed
