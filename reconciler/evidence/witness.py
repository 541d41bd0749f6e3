"""The gateway's access log beside the journal: who answered users, and who was stopped while a user was with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.core.model import Slot
from reconciler.evidence.access import Served, moment
from reconciler.evidence.standing import stopped
from reconciler.evidence.step import Breach, Step
from reconciler.evidence.timeline import LATE, Timeline


class Stops:
    """When which slot was stopped that had to be drained first. One that had its whole `drain` time need not be."""

    def __init__(self, steps: Sequence[Step], drain: float | None) -> None:
        self.found: list[tuple[float, Slot, int]] = []
        shut: dict[Slot, float] = {}  # since when a slot admits nobody, by the wall clock
        before = 0.0
        for step in steps if drain is not None else ():
            now, slot = moment(step.entry.at), stopped(step)
            shut = {one: shut.get(one, before) for one in Slot if step.before.closed[one] is not None}
            if slot is not None and now - shut.get(slot, now) < (drain or 0.0):
                self.found.append((now, slot, step.entry.seq))
            before = now

    def interrupted(self, one: Served) -> int:
        """The entry that stopped the slot in the midst of this request; 0: none did."""
        end = one.start + one.seconds - LATE
        return next((seq for at, slot, seq in self.found if slot is one.slot and one.start < at < end), 0)


@dataclass
class Witness:
    """Hears one request after the other: a log may be long."""

    timeline: Timeline
    stops: Stops
    answers: int = 0
    breaches: list[Breach] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)

    def hear(self, one: Served) -> None:
        if one.stranger:
            self.strangers.add(one.stranger)
        allowed = self.timeline.allowed(one.start)
        if one.slot is None or allowed is None:
            return
        self.answers += 1
        if one.slot not in allowed:  # law 20 from the other side: who answers was given users by an entry
            said = f"{one.slot} answered request {one.id}, and no entry had given it users then"
            self.breaches.append(Breach(20, self.timeline.entry(one.start), said))
        if seq := self.stops.interrupted(one):
            self.breaches.append(Breach(10, seq, f"{one.slot} is stopped while request {one.id} is under way there"))
