"""Time to safety: from when a newcomer was found bad until it was read that it has no weight any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.core.events import (
    Adopted,
    Applied,
    Began,
    DriftFound,
    Ended,
    Event,
    HoldBegan,
    Intended,
    Phase,
    Requested,
    RequestRefused,
    RollbackBegan,
    Verb,
)
from reconciler.core.model import Slot
from reconciler.core.steps import Result, Route

BY_HAND = "MovedByHand"  # the condition of a way back that a person took with the transition's script


@dataclass(frozen=True, slots=True)
class Found:
    """When it was found: by the wall, and by the environment's watched seconds."""

    at: datetime
    watched: float


@dataclass(slots=True)
class Safety:
    """Of one environment, folded entry by entry."""

    watched: float = 0.0
    _newcomer: Slot | None = None
    _weight: int = 0  # of the newcomer, as read back last, or as it may be since
    _open: Route | None = None  # an intent without outcome
    _asked: Found | None = None  # somebody asked for the way back
    _bad: Found | None = None
    _back: bool = False  # on the way

    def after(self, event: Event, at: datetime, elapsed: float) -> float | None:
        """The seconds that it took, at the entry at which safety was reached; else None."""
        self.watched += elapsed
        now = Found(at, self.watched)
        match event:
            case Began(newcomer=newcomer, back=back):
                self._begin(newcomer.slot, now, back=bool(back))
            case Intended(act):
                self._open = act if isinstance(act, Route) else None
            case Applied(result) if self._open:
                self._routed(self._open, result)
            case DriftFound(_, found) if self._newcomer:
                self._weight = found[self._newcomer] if found else self._weight
            case Requested(verb):
                self._hear(verb, now)
            case RequestRefused():
                self._asked = None
            case HoldBegan() if self._weight:
                self._bad = self._bad or now
            case RollbackBegan(ends, condition):
                self._turn(ends, now, by_hand=condition == BY_HAND)
            case Ended() | Adopted():
                return self._end(now)
        return self._reached(now) if self._back and not self._weight else None

    def _begin(self, newcomer: Slot, now: Found, *, back: bool) -> None:
        """A late rollback begins with all the weight on what is left."""
        self._newcomer, self._weight, self._back = newcomer, 100 if back else 0, back
        self._bad = (self._asked or now) if back else None
        self._asked = None

    def _routed(self, act: Route, result: Result) -> None:
        if self._newcomer is None:
            return
        after, self._open = act.after.weights[self._newcomer], None
        if result is Result.DONE:
            self._weight = after
        elif result is Result.UNKNOWN:
            self._weight = max(self._weight, after)

    def _hear(self, verb: Verb, now: Found) -> None:
        if verb in (Verb.ABORT, Verb.ROLLBACK):
            self._asked = self._asked or now
        elif verb is Verb.RESUME and not self._back:  # whatever was found, a person says that it is over
            self._bad = self._asked = None

    def _turn(self, ends: Phase, now: Found, *, by_hand: bool) -> None:
        """Without weight there is nothing to make safe; superseded is not bad. Who went back by hand while nobody
        watched knows since when it was bad; we do not, if it was not found before."""
        asked = self._asked if ends is Phase.ABORTED else None
        found = self._bad or asked or (None if by_hand else now)
        self._bad = found if self._weight and ends is not Phase.SUPERSEDED else None
        self._back, self._asked = True, None

    def _end(self, now: Found) -> float | None:
        """What was on its way back has arrived."""
        took = self._reached(now) if self._back else None
        self._newcomer, self._weight, self._back, self._bad, self._asked = None, 0, False, None, None
        return took

    def _reached(self, now: Found) -> float | None:
        """By the wall, as users feel it, also through a time that nobody watched; a clock that was set back does not
        make it shorter than what was watched."""
        bad, self._bad = self._bad, None
        if bad is None:
            return None
        return max((now.at - bad.at).total_seconds(), now.watched - bad.watched, 0.0)
