"""The news after a mark: alerts from the journal and from the stalls, in the order in which things came about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import takewhile

from reconciler.alerts.events import CALM, Alert, Mark, Stall, alert, stalled
from reconciler.core.events import (
    ApprovalAsked,
    CertificateEnding,
    CertificateRefused,
    DriftFound,
    DrillEnded,
    DrillMissed,
    Ended,
    MovedByHand,
)
from reconciler.core.history import fold
from reconciler.core.state import State
from reconciler.journal.entry import Entry
from reconciler.journal.store import Journal

WORTH = (ApprovalAsked, DriftFound, Ended, MovedByHand, DrillEnded, DrillMissed, CertificateRefused, CertificateEnding)


@dataclass(frozen=True, slots=True)
class Remembered:
    """One environment as of some entry, and the latest drift that was found by then."""

    state: State
    drift: DriftFound | None = None
    drift_at: float = 0.0  # watched seconds

    def after(self, entry: Entry) -> Remembered:
        state = fold(self.state, entry.event, elapsed=entry.elapsed, seq=entry.seq)
        if isinstance(entry.event, DriftFound):
            return Remembered(state, entry.event, state.watched)
        return replace(self, state=state)

    def repeats(self, entry: Entry) -> bool:
        """The same drift again, a moment later: two who fight over the weights are news once."""
        event, calm = entry.event, self.state.watched + entry.elapsed - self.drift_at
        return isinstance(event, DriftFound) and self.drift is not None and calm < CALM and event == self.drift


NOTHING = Remembered(State())


class News:
    """Used by one thread. Nothing is folded before there is something to tell: nobody else's turn is taken for it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[str, Remembered] = {}

    def after(self, mark: Mark, head: int, stalls: Iterable[Stall]) -> list[Alert]:
        """Up to entry `head`. Raises JournalError."""
        entries = self._entries(mark.seq, head) if head > mark.seq else []
        items: list[Entry | Stall] = [*entries, *(stall for stall in stalls if stall.number > mark.stall)]
        found = (self._told(item) for item in sorted(items, key=_order))
        return [told for told in found if told is not None]

    def _told(self, item: Entry | Stall) -> Alert | None:
        return self._stall(item) if isinstance(item, Stall) else self._entry(item)

    def _entries(self, seq: int, head: int) -> list[Entry]:
        return [
            entry
            for name in self._journal.environments()
            for entry in self._journal.since(name, seq)
            if entry.seq <= head and isinstance(entry.event, WORTH)
        ]

    def _entry(self, entry: Entry) -> Alert | None:
        before = self._before(entry.environment, entry.seq)
        return None if before.repeats(entry) else alert(entry, before.state)

    def _stall(self, stall: Stall) -> Alert | None:
        return stalled(stall, self._before(stall.environment, stall.after + 1).state)

    def _before(self, name: str, seq: int) -> Remembered:
        """As it was remembered when entry `seq` was written."""
        known = self._known.get(name, NOTHING)
        if known.state.seq >= seq:  # an earlier one than was asked for last: from the beginning
            known = NOTHING
        later = self._journal.since(name, known.state.seq) if known.state.seq else self._journal.entries(name)
        for entry in takewhile(lambda one: one.seq < seq, later):
            known = known.after(entry)
        self._known[name] = known
        return known


def _order(item: Entry | Stall) -> tuple[int, int]:
    return (item.after, item.number) if isinstance(item, Stall) else (item.seq, 0)
