"""The last look at a member, in both slots, used again while all is settled: a look is a PowerShell there, which takes
tenths of a second of that machine's processors, and the loop asks all day long (decision 033).

Only what the machine said is kept. What a member says itself is asked anew at every reading, and one that does not come
out as it did when the look was new makes us look again: so a kept look repeats itself, and says nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from reconciler.clock import Clock
from reconciler.core.model import Slot
from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.errors import Unreachable

FRESH = 1.0  # seconds that a look serves the other slot's reading as well, once
LONGEST = 15.0  # times as long as at first
SETTLED = (MemberStatus.STOPPED, MemberStatus.READY, MemberStatus.STANDBY)

Seen = TypeVar("Seen")


@dataclass(slots=True)
class _Look(Generic[Seen]):
    seen: Seen
    at: float  # when it was there, seconds, monotonic
    readings: dict[Slot, MemberReading | None] = field(default_factory=dict)  # None: nothing has come of it

    @property
    def settled(self) -> bool:
        found = [self.readings.get(slot) for slot in Slot]
        return all(one is not None and one.status in SETTLED for one in found)


class Kept(Generic[Seen]):
    """Of one member. `every`: seconds that a settled look is used at first, 0: never; then twice as long each time
    that a new one says the same, if it may `grow`. `told`: what of a look counts as the same."""

    def __init__(self, every: float, clock: Clock, *, grow: bool, told: Callable[[Seen], object]) -> None:
        self._every, self._longest = every, every * (LONGEST if grow else 1.0)
        self._clock, self._told = clock, told
        self._look: _Look[Seen] | None = None
        self._before: _Look[Seen] | None = None  # the settled one that was used until it was too old
        self._span = every  # for how long that one was
        self._changes, self._doubtful = 0, float("-inf")

    def read(self, slot: Slot, look: Callable[[], Seen], judge: Callable[[Seen], MemberReading]) -> MemberReading:
        """`judge`: what a look says about this slot, with the member's own word of just now. Raises what both raise."""
        known = self._usable(slot)
        if known is not None:
            before, known.readings[slot] = known.readings.get(slot), None
            reading = judge(known.seen)
            if before in (None, reading):
                known.readings[slot] = reading
                return reading
        made = self._anew(slot, look)
        reading = made.readings[slot] = judge(made.seen)
        return reading

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around a change of ours: what was seen before it, or in the midst of it, counts no more. One of which nobody
        knows whether it was made may still be made: nothing is kept until the longest look would have ended."""
        self._forget()
        try:
            yield
        except Unreachable:
            self._doubtful = self._clock.monotonic() + self._longest
            raise
        finally:
            self._forget()

    def _forget(self) -> None:
        self._look = None
        self._changes += 1

    def _usable(self, slot: Slot) -> _Look[Seen] | None:
        known = self._look
        if known is None:
            return None
        lasts = self._lasts(known) if slot in known.readings else FRESH
        return known if self._clock.monotonic() - known.at < lasts else None

    def _lasts(self, known: _Look[Seen]) -> float:
        """How long it is used, once both slots were read from it."""
        if not self._sure(known):
            return 0.0
        before = self._before
        same = before and before.readings == known.readings and self._told(before.seen) == self._told(known.seen)
        return min(self._span * 2, self._longest) if same else self._every

    def _sure(self, known: _Look[Seen]) -> bool:
        return known.settled and known.at >= self._doubtful

    def _anew(self, slot: Slot, look: Callable[[], Seen]) -> _Look[Seen]:
        """What comes is compared with a settled look, and with no other."""
        known, self._look = self._look, None
        sure = known is not None and self._sure(known)
        self._before, self._span = (known, self._lasts(known)) if known and sure else (None, self._every)
        changes, seen = self._changes, look()
        made = _Look(seen, self._clock.monotonic(), {slot: None})
        if changes == self._changes:  # else something of ours was changed meanwhile
            self._look = made
        return made
