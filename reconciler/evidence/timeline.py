"""Which slots may have answered users at a moment, by the journal alone.

A routing may be in force from its intent until the outcome of the next one that was done. Both are a little stretched:
clocks write milliseconds, and a gateway's workers take up a change one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from reconciler.core.events import Applied, DriftFound, GenerationTaken, Intended, MovedByHand
from reconciler.core.model import Admission, Routing, Slot
from reconciler.core.steps import CloseGateway, Result, Route
from reconciler.evidence.access import moment
from reconciler.journal.entry import Entry

EARLY, LATE = 0.005, 0.5  # seconds: the clocks' grain, and the last worker of a busy gateway
ANY = frozenset(Slot)


@dataclass(slots=True)
class Span:
    """These slots may answer from `start` to `end` (seconds since 1970), because of entry `seq`."""

    start: float
    slots: frozenset[Slot]
    seq: int
    end: float = inf


class Timeline:
    """Of one environment. Nothing is said about the time before its first write."""

    def __init__(self, entries: Sequence[Entry], *, sticky: bool = False) -> None:
        self._sticky = sticky
        self._spans: list[Span] = []
        self._intended: Span | None = None  # of the open intent, if it is about the gateway
        before = 0.0
        self._left = 0.0  # when the reconciler before this one wrote last: since then nobody may have looked
        for entry in entries:
            now = moment(entry.at)
            self._left = before if isinstance(entry.event, GenerationTaken) else self._left
            self._take(entry, now, before)
            before = now

    def allowed(self, when: float) -> frozenset[Slot] | None:
        """Who may have answered a request that began then; None before the first write."""
        if not self._spans or when < self._spans[0].start:
            return None
        return frozenset(slot for span in self._spans if span.start <= when < span.end for slot in span.slots)

    def entry(self, when: float) -> int:
        """The latest entry about traffic at that moment."""
        return max((span.seq for span in self._spans if span.start <= when), default=0)

    def _take(self, entry: Entry, now: float, before: float) -> None:
        match entry.event:
            case Intended(Route(_, after)):
                self._open(Span(now - EARLY, self._admitted(after), entry.seq))
            case Intended(CloseGateway()):
                self._open(Span(now - EARLY, frozenset(), entry.seq))
            case Applied(result) if self._intended is not None:
                self._settle(self._intended, result, now + LATE)
            case DriftFound():  # somebody else's hand, at some time since the entry before
                self._spans.append(Span(before, ANY, entry.seq))
            case MovedByHand():  # likewise, and by nature while no reconciler was there
                self._spans.append(Span(self._left, ANY, entry.seq))

    def _open(self, span: Span) -> None:
        self._intended = span
        self._spans.append(span)

    def _settle(self, span: Span, result: Result, end: float) -> None:
        """Done: what was before is over. Certainly not done: it never was. Not known: both stay possible."""
        self._intended = None
        if result is Result.DONE:
            for earlier in self._spans:
                if earlier is not span:
                    earlier.end = min(earlier.end, end)
        elif result is not Result.UNKNOWN:
            span.end = end

    def _admitted(self, routing: Routing) -> frozenset[Slot]:
        """Who has weight, who stands in, and to whom clients with a cookie may still come."""
        found = {slot for slot in Slot if routing.weights[slot]}
        found |= {routing.fallback} if routing.fallback else set()
        found |= {slot for slot in Slot if self._sticky and routing.admission[slot] is not Admission.CLOSED}
        return frozenset(found)
