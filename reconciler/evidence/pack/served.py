"""What the users' road gave, as the gateway counted it and the journal has it: the same tallies that `reconcile kpi`
adds up, so that a pack and the figures of a month cannot differ.

A gateway cannot tell users' requests from those that we send as users do: it counts both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.events import Watched
from reconciler.core.model import Slot
from reconciler.core.tally import Tally
from reconciler.evidence.access import moment
from reconciler.evidence.pack.gateway import Traffic
from reconciler.journal.entry import Entry

GRAIN = 1.0  # seconds: looks are apart by less, and one lies at each end of a transition


@dataclass(frozen=True, slots=True)
class Count:
    requests: int
    failed: int


@dataclass(frozen=True, slots=True)
class Served:
    """From a transition's first entry to its last. `slots`: what was counted; a lower bound where it is not `whole`.
    `later`: errors that the gateway was read to have counted beyond that. The others are seconds."""

    slots: Mapping[str, Count]
    later: Mapping[str, int]
    out: float  # in which nobody could serve
    uncounted: float  # of which it is not on record how many requests there were
    unclear: float  # of which it is not on record whether anybody could serve
    stepped: float  # in steps that took long, of which nothing shows that users were served; if it is `unclear`

    @property
    def whole(self) -> bool:
        """Is it on record how many requests there were, all the time?"""
        return not self.uncounted

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.slots.values())

    @property
    def failed(self) -> int:
        return sum(one.failed for one in self.slots.values())

    @property
    def per_million(self) -> float | None:
        """None: not known, or there was no request."""
        return 1e6 * self.failed / self.requests if self.whole and self.requests else None

    @property
    def down(self) -> float | None:
        """None: it is not known whether anybody could serve all the time."""
        return None if self.unclear else self.out


def served(entries: Iterable[Entry], traffic: Traffic, unshown: float) -> Served:
    """`entries`: of one transition. Where the journal does not tell all of it, what the gateway was read to count is
    taken where that is more. `unshown`: see `Watch`; so much of what the tallies call answered shows nothing, as the
    answers may all lie at one end of it."""
    found = list(entries)
    told = Tally()
    for entry in found:
        if isinstance(entry.event, Watched) and entry.event.tally:
            told = told.plus(entry.event.tally)
    lasted = _lasted(found)
    uncounted = _beyond_grain(lasted - told.seconds - told.bridged) + max(0.0, told.uncounted)
    shown = max(0.0, told.answered - unshown)
    unclear = _beyond_grain(max(lasted - told.up - told.out - told.off, told.bridged) - shown)  # whatever clocks say
    stepped = min(unclear, _beyond_grain(told.bridged - shown))
    slots: dict[str, Count] = {}
    later: dict[str, int] = {}
    for slot in Slot:
        users, read = told.users[slot], _read(traffic, slot)
        more = max(0, read.failed - users.failed)
        if uncounted:
            slots[str(slot)] = Count(max(users.requests, read.requests), users.failed + more)
        else:
            slots[str(slot)] = Count(users.requests, users.failed)
            later |= {str(slot): more} if more else {}
    times = (round(each, 3) for each in (told.out, uncounted, unclear, stepped))
    return Served(slots, later, *times)


def _lasted(entries: list[Entry]) -> float:
    """Seconds; by the longer of two clocks, as a wall clock may have been set back."""
    wall = moment(entries[-1].at) - moment(entries[0].at)
    return max(wall, sum(entry.elapsed for entry in entries[1:]))


def _beyond_grain(seconds: float) -> float:
    return seconds if seconds >= GRAIN else 0.0


def _read(traffic: Traffic, slot: Slot) -> Count:
    """Gateways differ in whether a refused connection is an error too, so the larger of the two counts."""
    found = traffic.counted.get(str(slot)) or {}
    return Count(found.get("requests", 0), max(found.get("errors", 0), found.get("refused", 0)))
