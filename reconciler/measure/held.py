"""What became of every session that one generator opened. Values only: no clock, no process, and no session's id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.model import Slot
from reconciler.core.reading import Window
from reconciler.drivers.journey import USE
from reconciler.drivers.protocols import Sample, Session

SLOTS = frozenset(map(str, Slot))


class Held:
    """Fed with what a generator says. Its size is the number of sessions, however long they are used.

    Whether a session was open before the newcomer had weight is noted when a gate asks, not when the answer came: the
    weight rises a moment before anybody can ask about it.
    """

    def __init__(self, turn: float = 0.0) -> None:
        """`turn`: seconds until every session is due again; one that is still waited for then is not known to be."""
        self._turn = turn
        self._sessions: dict[int, Session] = {}
        self._waiting: dict[int, Sample] = {}  # by the generator's number of the request
        self._window: Window | None = None
        self._opened = 0.0  # seconds, monotonic: when that window was first seen
        self._fair = 0.0  # likewise: what was lost before may be the gateway's doing, or stable's

    def sent(self, number: int, said: Mapping[str, Any]) -> None:
        self._waiting[number] = Sample(number, **said, latency=0.0, status=None, ok=False, pending=True)

    def answered(self, number: int, said: Mapping[str, Any]) -> Sample | None:
        """What came of a request; None when nobody waits for it."""
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return None
        sample = replace(waiting, pending=False, **said)
        before = self._sessions.get(sample.session, Session(sample.session))
        self._sessions[sample.session] = _used(before, sample)
        return sample

    def unsent(self, number: int) -> None:
        """It could not be sent after all."""
        self._waiting.pop(number, None)

    def abandon(self, why: str) -> Sequence[tuple[int, Sample]]:
        """Who held them has ended, and their ids with it; the requests that were still waited for."""
        settled = [(number, replace(one, pending=False, void=True, error=why)) for number, one in self._waiting.items()]
        self._sessions.clear()
        self._waiting.clear()
        return settled

    def told(self, window: Window, now: float) -> Sequence[Session]:
        """Every session, as it stands in `window`; that they were asked about at this weight is noted."""
        if window != self._window:
            self._turn_to(window, now)
        overdue = {one.session for one in self._waiting.values() if now - one.start > self._turn}
        for number, session in self._sessions.items():
            self._sessions[number] = replace(self._noted(session, window), kept=self._kept(session, overdue))
        return sorted(self._sessions.values(), key=lambda one: one.number)

    def _turn_to(self, window: Window, now: float) -> None:
        if self._window is not None and self._window.fair != window.fair:
            self._fair = now
        self._window, self._opened = window, now
        self._sessions = {number: replace(session, uses=0) for number, session in self._sessions.items()}

    def _noted(self, session: Session, window: Window) -> Session:
        if session.opened is not None and window.rung == 0:
            session = replace(session, before=True)
        if session.lost is not None and session.lost_at is None:
            session = replace(session, lost_at=window.rung)
        if session.lost is not None and session.lost.start < self._fair:
            session = replace(session, excused=True)
        return session

    def _kept(self, session: Session, overdue: set[int]) -> bool:
        last = session.last
        if session.lost or last is None or session.opened is None or session.number in overdue:
            return False
        return last.ok and last.start > self._opened


def _used(session: Session, sample: Sample) -> Session:
    """After one more answer. It is open once its content was read back."""
    slots = session.slots | {sample.slot if sample.slot in SLOTS else ""} if sample.status else session.slots
    session = replace(session, last=sample, slots=slots, uses=session.uses + (sample.status is not None))
    if sample.lost and session.lost is None:
        return replace(session, lost=sample)
    if sample.ok and sample.step == USE and session.opened is None:
        return replace(session, opened=sample.start + sample.latency)
    return session
